"""A Trace as a table of its modules by depth: output shape, parameters, FLOPs, time.

The table fits a width: long names are shortened in the middle, and where the width is still too
small, columns are left out from the least to the most telling. Sums are over all calls of a module
and include what is inside it, so the rows of one depth do not add up with those below.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.columns import MODEL_COLUMNS, MODULE_COLUMNS, Overview
from lens_pipeline.columns.module_table import module_rows, seconds
from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.wording import counted, human_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lens_pipeline.tracer.trace import Trace

# rows up to which a summary goes as deep as it can by itself
MOST_ROWS = 60
_NARROWEST_NAME = 16
_GAP = "  "


@dataclass(frozen=True)
class _Row:
    # the last part of the address; the model's class for the model itself
    name: str
    class_name: str
    # modules around it, the model included
    depth: int
    calls: int
    ops: int
    # of the tensors it returned, call by call
    shapes: tuple[tuple[int, ...], ...]
    parameters: int
    # of the operations whose FLOPs are known
    flops: int
    # those of all operations are
    flops_known: bool
    seconds: float


@dataclass(frozen=True)
class _Part:
    """One column to the right of the name."""

    title: str
    text: Callable[[_Row], str]
    # left out earlier the larger it is; 0: never
    spared: int
    right: bool = True


def summary(trace: Trace, *, depth: int | None = None, width: int | None = None) -> str:
    """Return a table of the modules of a Trace down to `depth`, with totals below it.

    A class is followed by the number of its calls, a shape by the number of other shapes, and `>`
    stands before FLOPs where those of some operations are unknown; times are those of the
    operations in each module. `depth` 1 is the model's own children, 0 all the way down; None is as
    deep as makes at most MOST_ROWS rows, and at least 1. `width` in characters; None is that of the
    terminal. Raises TraceError for a negative depth or width.

    >>> import torch
    >>> from lens_pipeline import trace
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    >>> print(summary(trace(net, torch.zeros(1, 2)), width=30))  # doctest: +ELLIPSIS
    module      output  parameters
    ──────────────────────────────
    Sequential  1x3              9
    0           1x3              9
    1           1x3              0
    ...
    """
    for name, value in (("depth", depth), ("width", width)):
        if value is not None and value < 0:
            raise TraceError(
                f"A summary's {name} cannot be {value}; give a number from 0, or None."
            )
    overview = Overview(trace)
    rows = _rows(overview)
    deepest = _depth(rows) if depth is None else depth or max(row.depth for row in rows)
    shown = [row for row in rows if row.depth <= deepest]
    columns = shutil.get_terminal_size((100, 24)).columns if width is None else width
    below = len(rows) - len(shown)
    left = [f"{counted(below, 'module')} deeper than {deepest} left out; depth=0 shows all"]
    return "\n".join(
        [*_lines(shown, columns), "", *left * bool(below), *_totals(overview, rows[0])]
    )


def _rows(o: Overview) -> list[_Row]:
    """Return a row per module, the model first, each module before those inside it."""
    rows = {module[0]: _row(o, module) for module in module_rows(o)}
    called = {call.address: call.index for call in reversed(o.trace.module_calls)}
    end = len(o.trace.module_calls)
    return [rows[address] for address in sorted(rows, key=lambda name: _place(name, called, end))]


def _row(o: Overview, module: tuple[str, str]) -> _Row:
    address, class_name = module
    inside = list(o.ops_in(o.calls_of.get(address, [])))
    flops = [o.flops[op.index] for op in inside]
    said = {
        name: MODULE_COLUMNS[name].function(o, module)
        for name in ("depth", "n_calls", "n_parameters", "output_shapes")
    }
    return _Row(
        name=address.rpartition(".")[2] or o.trace.model_name,
        class_name=class_name if address else "",
        depth=said["depth"],
        calls=said["n_calls"],
        ops=len(inside),
        shapes=tuple(map(tuple, said["output_shapes"])),
        parameters=said["n_parameters"],
        flops=sum(one or 0 for one in flops),
        flops_known=None not in flops,
        seconds=seconds(inside),
    )


def _place(address: str, called: dict[str, int], end: int) -> tuple[tuple[int, str], ...]:
    """Return what sorts modules below the one around them, by first call, the uncalled last."""
    parts = address.split(".") if address else []
    around = (".".join(parts[: end + 1]) for end in range(len(parts)))
    return tuple((called.get(name, end), name) for name in around)


def _depth(rows: Sequence[_Row]) -> int:
    deepest = max(row.depth for row in rows)
    fitting = (d for d in range(deepest, 1, -1) if sum(r.depth <= d for r in rows) <= MOST_ROWS)
    return next(fitting, 1)


def _lines(rows: Sequence[_Row], width: int) -> list[str]:
    names = ["module", *("  " * max(row.depth - 1, 0) + row.name for row in rows)]
    parts = list(_PARTS)
    while True:
        cells = [[part.title, *map(part.text, rows)] for part in parts]
        widths = [max(map(len, column)) for column in cells]
        left = width - sum(size + len(_GAP) for size in widths)
        if left >= min(_NARROWEST_NAME, max(map(len, names))) or not parts:
            break
        parts.remove(max(parts, key=lambda part: part.spared))
    wide = max(min(left, max(map(len, names))), 1)
    lines = [_shortened(name, wide).ljust(wide) for name in names]
    for part, column, size in zip(parts, cells, widths, strict=True):
        for row, cell in enumerate(column):
            lines[row] += _GAP + (cell.rjust(size) if part.right else cell.ljust(size))
    return [line.rstrip() for line in (lines[0], "─" * min(width, len(lines[0])), *lines[1:])]


def _shortened(text: str, width: int) -> str:
    """Leave out the middle of a text that is too long."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + "…" + (text[-tail:] if tail else "")


def _shapes(row: _Row) -> str:
    distinct = list(dict.fromkeys(row.shapes))
    if not distinct:
        return "not called" if not row.calls else ""
    more = f" +{len(distinct) - 1}" if len(distinct) > 1 else ""
    return ("x".join(map(str, distinct[0])) or "scalar") + more


def _class(row: _Row) -> str:
    return row.class_name + (f" x{row.calls}" if row.calls > 1 else "")


def _scaled(number: float, units: Sequence[str]) -> str:
    for unit in units[:-1]:
        if number < 1000:
            return f"{number:.3g} {unit}".rstrip()
        number /= 1000
    return f"{number:,.3g} {units[-1]}"


def _flops(row: _Row) -> str:
    known = _scaled(row.flops, ("", "k", "M", "G", "T")) if row.flops else "0"
    return known if row.flops_known else f">{known}"


def _time(seconds: float) -> str:
    return _scaled(seconds * 1e6, ("µs", "ms", "s"))


_PARTS = (
    _Part("class", _class, spared=5, right=False),
    _Part("ops", lambda row: f"{row.ops:,}", spared=4),
    _Part("output", _shapes, spared=1, right=False),
    _Part("parameters", lambda row: f"{row.parameters:,}", spared=0),
    _Part("FLOP", _flops, spared=2),
    _Part("time", lambda row: _time(row.seconds), spared=3),
)


def _totals(o: Overview, model: _Row) -> list[str]:
    trace = o.trace
    trainable, weights, outputs = (
        MODEL_COLUMNS[name].function(o, trace)
        for name in ("n_trainable_parameters", "parameter_bytes", "bytes")
    )
    share = "all trainable" if trainable == model.parameters else f"{trainable:,} trainable"
    held = f" ({human_bytes(weights)}, {share})" if model.parameters else ""
    layers = f"{counted(len(trace.ops), 'operation')} in {counted(len(trace.layers), 'layer')}"
    times = f"{_time(model.seconds)} in operations of {_time(trace.seconds)} in all"
    return [
        f"{layers}; {human_bytes(outputs)} of outputs, views in full",
        f"{model.parameters:,} parameters{held}",
        f"{_flops(model)} FLOP; {times}",
        *([] if trace.complete else ["NOT complete: " + "; ".join(trace.gaps[:3])]),
    ]
