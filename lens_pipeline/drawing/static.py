"""A Trace as a picture: Graphviz DOT text, and through pygraphviz an SVG, PDF or PNG.

Read from the bottom up. Inputs are green, outputs red, operations with parameters grey; what no
input leads to is dashed. The output of a module without submodules is a box with the module's
address, a bare operation an oval; a module is a frame titled `address (Class)` around what ran in
it, or one thick box where `depth` ends. The same Trace gives the same text, byte by byte.
"""

from __future__ import annotations

import html
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.drawing.pictures import write_picture
from lens_pipeline.tracer.graph import containing_calls, depends_on_input
from lens_pipeline.tracer.wording import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lens_pipeline.tracer.records import ModuleCall, Op, Parameter
    from lens_pipeline.tracer.trace import Trace

_FILL = {"input": "#a8e6a1", "output": "#f5a9a9", "parameters": "#e3e3e3", "call": "#ffffff"}
_HEAD = """  graph [rankdir=BT, fontname="Helvetica", fontsize=16, labelloc=t, labeljust=l,
         ranksep=0.35, nodesep=0.3, ordering=out, style=rounded, color="#777777", pad=0.2];
  node [fontname="Helvetica", fontsize=11, style=filled, color="#333333", margin="0.12,0.06"];
  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7, color="#333333", fontcolor="#2f5d8a"];"""
_TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="1">'
_LOOP = 'color="#2f5d8a", penwidth=1.4'


@dataclass(slots=True)
class _Box:
    """One node of the picture and the Ops it stands for."""

    name: str
    # the call of the module that is drawn as one box; None for an operation
    module: ModuleCall | None
    # the modules around it that are drawn, outermost first
    frames: tuple[ModuleCall, ...]
    ops: list[Op] = field(default_factory=list)
    # the number of visits: passes of a layer, or calls of a module
    n_passes: int = 1


def draw(
    trace: Trace, path: str | Path | None = None, *, rolled: bool = True, depth: int | None = None
) -> str:
    """Return the picture as DOT text; with `path`, write it as .dot, .svg, .pdf or .png as well.

    `rolled` draws one node per layer, with its passes as `x4` and loops as edges that say which
    pass leads to which; otherwise there is one node per operation. `depth` draws every module that
    is nested this deep (1: the model's own children) as one box; None opens them all.

    Pictures need pygraphviz. Raises TraceError without it, after writing the .dot beside, and for
    another ending.
    """
    text = _dot(trace, rolled=rolled, depth=depth)
    if path is not None:
        write_picture(text, Path(path))
    return text


def _dot(trace: Trace, *, rolled: bool, depth: int | None) -> str:
    boxes = _boxes(trace, rolled=rolled, depth=depth)
    passes = [_pass_in(trace, box, op) for box, op in _placed(trace, boxes)]
    for (box, _), number in zip(_placed(trace, boxes), passes, strict=True):
        box.n_passes = max(box.n_passes, number) if rolled else 1
    distinct = list({box.name: box for box in boxes}.values())
    reached = depends_on_input(trace)
    n_layers, n_ops = (_counted(len(trace.layers), "layer"), _counted(len(trace.ops), "operation"))
    title = f"{trace.model_name}: {n_layers}, {n_ops}"
    return "\n".join(
        [
            f"digraph {_quoted(trace.model_name)} {{",
            _HEAD,
            f"  label={_quoted(title)};",
            *_framed(trace, distinct, reached, rolled=rolled),
            *_edges(trace, boxes, passes, reached, rolled=rolled),
            "}",
            "",
        ]
    )


def _boxes(trace: Trace, *, rolled: bool, depth: int | None) -> list[_Box]:
    """Return for each Op the box it is drawn in."""
    found: dict[str, _Box] = {}
    box_of = []
    for op in trace.ops:
        chain = containing_calls(trace, op)
        inside = chain[depth] if depth and len(chain) > depth else None
        frames = tuple(chain[1 : depth if inside else None])
        if inside is not None:
            name = f"module {_call_name(inside, rolled=rolled)}"
        else:
            name = trace.layers[op.layer].label if rolled else op.label
        box = found.setdefault(name, _Box(name, inside, frames))
        box.ops.append(op)
        box_of.append(box)
    return box_of


def _placed(trace: Trace, boxes: list[_Box]) -> Iterator[tuple[_Box, Op]]:
    return zip(boxes, trace.ops, strict=True)


def _pass_in(trace: Trace, box: _Box, op: Op) -> int:
    """Return which visit of its box an Op belongs to."""
    if box.module is None:
        return op.pass_number
    chain = containing_calls(trace, op)
    return next(call.number for call in chain if call.address == box.module.address)


def _framed(
    trace: Trace, boxes: Sequence[_Box], reached: list[bool], *, rolled: bool, level: int = 0
) -> Iterator[str]:
    """Yield the nodes, each inside the frames of its modules."""
    pad = "  " * (level + 1)

    def frame(box: _Box) -> str:
        here = box.frames[level : level + 1]
        return _call_name(here[0], rolled=rolled) if here else f" {box.name}"

    together: dict[str, list[_Box]] = {}
    for box in boxes:
        together.setdefault(frame(box), []).append(box)
    for name, group in together.items():
        if len(group[0].frames) <= level or _says_it_itself(trace, group, level):
            yield from (f"{pad}{_node(trace, box, reached)}" for box in group)
            continue
        call = group[0].frames[level]
        yield f"{pad}subgraph {_quoted('cluster ' + name)} {{"
        dashed = "" if any(reached[op.index] for box in group for op in box.ops) else "dashed,"
        yield f'{pad}  label={_quoted(f"{name} ({call.class_name})")}; style="{dashed}rounded";'
        yield f"{pad}  fontsize={max(10, 12 - level)}; penwidth={max(1.0, 2.5 - 0.5 * level)};"
        yield from _framed(trace, group, reached, rolled=rolled, level=level + 1)
        yield f"{pad}}}"


def _says_it_itself(trace: Trace, group: list[_Box], level: int) -> bool:
    """Say whether a frame would hold nothing but boxes that bear the module's address anyway."""
    return all(len(box.frames) == level + 1 and _address(trace, box) for box in group)


def _node(trace: Trace, box: _Box, reached: list[bool]) -> str:
    op = box.ops[-1]
    used = {name for each in box.ops for name in each.parameters}
    parameters = [one for one in trace.parameters if used.intersection(one.addresses)]
    fill = "parameters" if used and op.kind == "call" else op.kind
    style = "filled" if any(reached[each.index] for each in box.ops) else "filled,dashed"
    shape = "ellipse"
    if box.module is not None or _address(trace, box):
        shape = "box"
    heavy = ", penwidth=2.5" if box.module is not None else ""
    lines = _module_lines(box, parameters) if box.module else _op_lines(trace, box, parameters)
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    return (
        f"{_quoted(box.name)} [shape={shape}, fillcolor={_quoted(_FILL[fill])}, "
        f"style={_quoted(style)}{heavy}, label=<{_TABLE}{rows}</table>>];"
    )


def _op_lines(trace: Trace, box: _Box, parameters: list[Parameter]) -> list[str]:
    times = f" (x{box.n_passes})" if box.n_passes > 1 else ""
    address = _address(trace, box)
    lines = [f"<b>{html.escape(box.name)}</b>{times}", *_sizes(box.ops)]
    if parameters:
        lines.append(html.escape("params: " + ", ".join(map(_parameter, parameters))))
    return [*lines, *([f"<i>@{html.escape(address)}</i>"] if address else [])]


def _module_lines(box: _Box, parameters: list[Parameter]) -> list[str]:
    assert box.module is not None
    times = f" (x{box.n_passes})" if box.n_passes > 1 else ""
    returned = [op for op in box.ops if op.index in box.module.outputs] or box.ops[-1:]
    weights = human_bytes(sum(one.nbytes for one in parameters))
    held = f", {_counted(len(parameters), 'parameter')} ({weights})" if parameters else ""
    n_layers = len({op.layer for op in box.ops})
    return [
        f"<b>{html.escape(box.module.address)}</b>{times}",
        f"<i>{html.escape(box.module.class_name)}</i>",
        *_sizes(returned),
        f"{_counted(n_layers, 'layer')}{held}",
    ]


def _sizes(ops: Sequence[Op]) -> list[str]:
    """Return shape and bytes, once for each shape that occurs."""
    sizes = dict.fromkeys((op.shape, str(op.dtype).removeprefix("torch."), op.nbytes) for op in ops)
    return [
        f"{'x'.join(map(str, shape)) or 'scalar'}"
        f"{'' if dtype == 'float32' else ' ' + dtype} ({human_bytes(n)})"
        for shape, dtype, n in sizes
    ]


def _parameter(one: Parameter) -> str:
    """Write a name and shape, in square brackets where it is frozen."""
    sides = "x".join(map(str, one.shape)) or "1"
    name = one.addresses[0].rpartition(".")[2]
    return f"{name} ({sides})" if one.trainable else f"{name} [{sides}]"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _address(trace: Trace, box: _Box) -> str:
    """Return the address of the module without submodules whose output this is, or ""."""
    op = box.ops[0]
    if box.module is not None or op.module_call is None:
        return ""
    call = trace.module_calls[op.module_call]
    container = any(other.parent == call.index for other in trace.module_calls)
    return call.address if op.index in call.outputs and not container else ""


def _edges(
    trace: Trace, boxes: list[_Box], passes: list[int], reached: list[bool], *, rolled: bool
) -> Iterator[str]:
    steps: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for child, parent in ((op, parent) for op in trace.ops for parent in op.parents):
        source, target = boxes[parent], boxes[child.index]
        inside = source is target and (source.module is not None)
        if inside and passes[parent] == passes[child.index]:
            continue
        pairs = steps.setdefault((source.name, target.name), [])
        pairs.append((passes[parent], passes[child.index]))
    by_name = {box.name: box for box in boxes}
    for (start, end), pairs in steps.items():
        one, other = by_name[start], by_name[end]
        styles = [] if any(reached[op.index] for op in one.ops) else ["style=dashed"]
        if rolled:
            styles += _pass_label(one, other, pairs)
        attributes = f" [{', '.join(styles)}]" if styles else ""
        yield f"  {_quoted(start)} -> {_quoted(end)}{attributes};"


def _pass_label(one: _Box, other: _Box, pairs: list[tuple[int, int]]) -> list[str]:
    """Say which pass leads to which, where it is not each to its own."""
    n_passes = max(one.n_passes, other.n_passes)
    if n_passes == 1 or set(pairs) == {(k, k) for k in range(1, n_passes + 1)}:
        return []
    out = _ranges(a for a, _ in pairs) if one.n_passes > 1 else ""
    into = _ranges(b for _, b in pairs) if other.n_passes > 1 else ""
    later = any(a < b for a, b in pairs) and one.n_passes > 1 and other.n_passes > 1
    label = f"label={_quoted(f' {out} → {into} ')}"
    return [label, _LOOP] if later else [label]


def _ranges(numbers: Iterable[int]) -> str:
    """Write numbers as ranges: `1-3,5`."""
    runs = []
    ordered = sorted(set(numbers))
    for _, run in itertools.groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append(f"{members[0]}-{members[-1]}" if len(members) > 1 else f"{members[0]}")
    return ",".join(runs)


def _call_name(call: ModuleCall, *, rolled: bool) -> str:
    return call.address if rolled else f"{call.address}:{call.number}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
