"""What the page draws: operations, layers, module calls, and what decided a branch, as JSON.

Lists are by index into the Trace; -1 stands for nothing. How a module is laid out is decided by
the page when it is opened, so that nothing here grows with what nobody looks at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lens_pipeline.conditionals.branching import conditionals
from lens_pipeline.drawing.branches import branches
from lens_pipeline.drawing.wording import parameter, size
from lens_pipeline.tracer.graph import depends_on_input
from lens_pipeline.tracer.report import report

if TYPE_CHECKING:
    from lens_pipeline.columns import Overview
    from lens_pipeline.tracer.records import ModuleCall, Op
    from lens_pipeline.tracer.trace import Trace


def graph(o: Overview, *, title: str) -> dict[str, Any]:
    """Return the graph of a Trace as JSON values, with a title."""
    trace = o.trace
    return {
        "title": title,
        "model": trace.model_name,
        "facts": _facts(trace),
        "gaps": list(trace.gaps),
        "ops": _ops(o),
        "layers": {
            "label": [layer.label for layer in trace.layers],
            "type": [layer.type for layer in trace.layers],
            "ops": [list(layer.ops) for layer in trace.layers],
        },
        "calls": {
            "address": [call.address for call in trace.module_calls],
            "class": [call.class_name for call in trace.module_calls],
            "number": [call.number for call in trace.module_calls],
            "parent": [_or_none(call.parent) for call in trace.module_calls],
            "outputs": [list(call.outputs) for call in trace.module_calls],
            "selectors": [_call_selectors(o, call) for call in trace.module_calls],
            "leaf": [int(call.index not in o.not_leaves) for call in trace.module_calls],
        },
        "branches": _branches(trace),
        "marks": _marks(o),
    }


def names_of(o: Overview, op: Op) -> list[tuple[str, int]]:
    """Return the names under which a run may keep an Op, each with the pass.

    That is its layer, and every module call that returned it, with `@place` where the module
    returns several tensors.
    """
    names = [(o.trace.layers[op.layer].label, op.pass_number)]
    for call in o.exits.get(op.index, ()):
        if call.address:
            several = max(len(one.outputs) for one in o.calls_of[call.address]) > 1
            place = f"@{call.outputs.index(op.index)}" if several else ""
            names.append((f"{call.address}{place}", call.number))
    return names


def selector(name: str) -> str:
    """Return the text that selects a name; what a selector would read otherwise becomes `?`.

    >>> selector("layer1.0.conv1"), selector("a:b,c"), selector("all")
    ('layer1.0.conv1', 'a?b?c', '?ll')
    """
    address, at, place = name.rpartition("@")
    if not at or not place.isdecimal():
        address, at, place = name, "", ""
    text = re.sub(r"[^\w.\-]", "?", address)
    return ("?" + text[1:] if text in ("all", "auto") else text) + at + place


def _ops(o: Overview) -> dict[str, Any]:
    ops = o.trace.ops
    reached = depends_on_input(o.trace)
    return {
        "label": [op.label for op in ops],
        "name": [op.name for op in ops],
        "kind": [op.kind for op in ops],
        "layer": [op.layer for op in ops],
        "pass": [op.pass_number for op in ops],
        "call": [_or_none(op.module_call) for op in ops],
        "parents": [list(op.parents) for op in ops],
        "made_inside": [int(not one) for one in reached],
        "size": [size(op) for op in ops],
        "parameters": [_parameters(o, op) for op in ops],
        "buffers": [int(bool(op.buffers)) for op in ops],
        "selectors": [_selectors(o, op) for op in ops],
    }


def _selectors(o: Overview, op: Op) -> list[list[str]]:
    """Return for each name of an Op a selector of this pass and one of all passes."""
    found = []
    for name, number in names_of(o, op):
        label = name == o.trace.layers[op.layer].label
        passes = len(o.trace.layers[op.layer].ops) if label else _n_calls(o, name)
        found.append(_pair(selector(name), number, passes))
    return found


def _call_selectors(o: Overview, call: ModuleCall) -> list[str]:
    """Return a selector of what the call returned and one of all calls; none where none can."""
    if not call.address or not call.outputs:
        return []
    return _pair(selector(call.address), call.number, _n_calls(o, call.address))


def _pair(text: str, number: int, passes: int) -> list[str]:
    return [f"{text}:{number}" if passes > 1 else text, text]


def _n_calls(o: Overview, name: str) -> int:
    return len(o.calls_of.get(name, ()) or o.calls_of[name.rpartition("@")[0]])


def _or_none(index: int | None) -> int:
    return -1 if index is None else index


def _parameters(o: Overview, op: Op) -> str:
    """Return names and shapes, each once however many addresses it has."""
    distinct = {o.parameters[name].addresses[0]: o.parameters[name] for name in op.parameters}
    return ", ".join(map(parameter, distinct.values()))


def _facts(trace: Trace) -> list[str]:
    """Return the sentences of the printed report that stand above its lists."""
    lines = report(trace, most=1).splitlines()[1:]
    end = next(at for at, line in enumerate(lines) if line.startswith("  Modules: "))
    return [line.strip() for line in lines[: end + 1]]


def _branches(trace: Trace) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.kind,
            "line": f"{one.file}:{one.line}",
            "tests": [test.text for test in one.tests],
            "taken": one.taken or "",
            "deciding": list(one.deciding),
            "ops": list(one.ops),
        }
        for one in (conditionals(trace) if trace.host_reads else ())
    ]


def _marks(o: Overview) -> dict[str, Any]:
    """Return by operation what is marked of branches, as in a picture."""
    found = branches(o)
    return {
        "tests": {op: list(dict.fromkeys(texts)) for op, texts in found.tests.items()},
        "deciding": {op: sorted(words) for op, words in found.deciding.items()},
        "arms": {op: sorted(words) for op, words in found.arms.items()},
    }
