"""A Trace as a notebook shows it: the tree of modules to fold open, with the layers in it.

Plain HTML with `<details>`, no script, so that it also shows where a notebook is not trusted or is
exported. Every text of the model is escaped. It is light: one line per module and layer, one for
both where a module holds a single layer, and of more than MOST_LINES things in a module the first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from lens_pipeline.tracer.graph import containing_calls
from lens_pipeline.tracer.wording import counted, human_bytes, listed, torch_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lens_pipeline.tracer.records import Layer

# modules and layers that are shown in one module
MOST_LINES = 200
_STYLE = """<style>
.lens-trace{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;overflow-x:auto}
.lens-trace details{margin-left:1.3em}
.lens-trace>details{margin-left:0}
.lens-trace summary{cursor:pointer;white-space:nowrap}
.lens-trace p{margin:0 0 0 2.4em;white-space:nowrap}
.lens-trace i{font-style:normal;opacity:.65}
.lens-trace b::before{content:"";display:inline-block;width:.6em;height:.6em;margin-right:.4em;
 border:1px solid currentColor;border-radius:50%}
.lens-trace b.input::before{background:#5cb85c}
.lens-trace b.output::before{background:#e06666}
.lens-trace b.parameters::before{background:#9a9a9a}
</style>"""


@dataclass(slots=True)
class _Module:
    address: str
    class_name: str
    # modules and layers in it, in the order of their first operation
    inside: list[_Module | Layer] = field(default_factory=list)
    # its calls so far
    calls: int = 0


def notebook_html(trace: Any) -> str:
    """Return the tree of modules of a Trace as HTML, the model's own children to be seen."""
    gaps = "" if trace.complete else f"<p>NOT complete: {escape('; '.join(trace.gaps[:3]))}</p>"
    body = "".join(_lines(trace, _tree(trace)))
    return f'{_STYLE}<div class="lens-trace">{gaps}{body}</div>'


def _tree(trace: Any) -> _Module:
    root = _Module("", trace.model_name, calls=1)
    found = {"": root}
    for layer in trace.layers:
        home = root
        for call in containing_calls(trace, trace.ops[layer.ops[0]])[1:]:
            if call.address not in found:
                found[call.address] = _Module(call.address, call.class_name)
                home.inside.append(found[call.address])
            home = found[call.address]
        home.inside.append(layer)
    for call in trace.module_calls:
        if call.address in found:
            found[call.address].calls = max(found[call.address].calls, call.number)
    return root


def _lines(trace: Any, root: _Module) -> Iterator[str]:
    # a stack of our own, since modules may be nested deeper than Python calls may be
    waiting: list[_Module | Layer | str] = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif not isinstance(one, _Module):
            yield _layer(trace, one)
        elif one is not root and len(one.inside) == 1 and not isinstance(one.inside[0], _Module):
            yield _layer(trace, one.inside[0], module=one)
        else:
            opened = " open" if one is root else ""
            yield f"<details{opened}><summary>{_title(trace, one)}</summary>"
            left = len(one.inside) - MOST_LINES
            waiting.append(f"<p>and {left:,} more</p></details>" if left > 0 else "</details>")
            waiting.extend(reversed(one.inside[:MOST_LINES]))


def _title(trace: Any, module: _Module) -> str:
    if not module.address:
        numbers = sum(math.prod(one.shape) for one in trace.parameters)
        facts = [
            counted(len(trace.ops), "operation"),
            counted(len(trace.layers), "layer"),
            counted(numbers, "parameter"),
            f"{trace.seconds:.3g} s",
        ]
        return f"{escape(module.class_name)} <i>{', '.join(facts)}</i>"
    times = f", {module.calls} calls" if module.calls > 1 else ""
    return f"{escape(module.address)} <i>{escape(module.class_name)}{times}</i>"


def _layer(trace: Any, layer: Layer, *, module: _Module | None = None) -> str:
    """Return a line about a layer, with the `module` around it that holds nothing else."""
    ops = [trace.ops[index] for index in layer.ops]
    first = ops[0]
    kind = first.kind if first.kind != "call" else "parameters" if first.parameters else "call"
    shapes = listed(list(dict.fromkeys(str(op.shape) for op in ops)), most=2)
    facts = [f"{shapes} {torch_name(first.dtype)}", human_bytes(sum(op.nbytes for op in ops))]
    if len(ops) > 1:
        facts.append(f"{len(ops)} passes")
    if any(op.value is not None for op in ops):
        facts.append("kept")
    around = "" if module is None else f" {_title(trace, module)}"
    label = f'<b class="{kind}">{escape(layer.label)}</b>'
    return f"<p>{label}{around} <i>{escape(', '.join(facts))}</i></p>"
