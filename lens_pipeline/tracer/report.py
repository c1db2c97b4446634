"""What is printed of a Trace: structure, totals, the tree of modules, the numbered layers.

What "recurrent" means, and to depend on an input, is said in `graph`. The bytes of a view are
counted in full.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from lens_pipeline.conditionals.branching import conditionals, decided
from lens_pipeline.tracer.graph import SHAPE_ONLY, children, is_recurrent
from lens_pipeline.tracer.module_tree import module_lines
from lens_pipeline.tracer.wording import (
    counted,
    listed,
    shape_and_type,
    total_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lens_pipeline.tracer.records import Layer, Op

# layers that a printed trace lists before it leaves out those in the middle
MOST_LAYERS = 300
_MOST_MODULE_LINES = 60
_MOST_LINES = 12
_RECURRENT_INSIDE = frozenset({"lstm", "gru", "rnntanh", "rnnrelu"})


def report(trace: Any, *, most: int | None = MOST_LAYERS) -> str:
    """Return the report of a Trace.

    More layers than `most` are shortened in the middle, and a large tree of modules to its upper
    levels; both say what is missing. None shows everything.
    """
    tree = module_lines(trace.modules, most=None if most is None else _MOST_MODULE_LINES)
    facts = (fact for sentence in _SENTENCES for fact in sentence(trace))
    return "\n".join(
        [
            f"One forward pass of {trace.model_name}",
            *(f"  {fact}" for fact in facts),
            f"  {_modules(trace)}",
            *(f"    {line}" for line in tree),
            f"  Layers: {len(trace.layers):,}",
            *(f"    {line}" for line in _layer_lines(trace, most)),
        ]
    )


def _structure(trace: Any) -> list[str]:
    visits = [len(layer.ops) for layer in trace.layers if len(layer.ops) > 1]
    kind = "recurrent" if is_recurrent(trace) else "feedforward"
    again = f", {counted(len(visits), 'layer')} with up to {max(visits)} passes" if visits else ""
    forks = sum(len(readers) > 1 for readers in children(trace))
    branching = f"with branching ({counted(forks, 'tensor')} read more than once)"
    return [f"Structure: {kind}{again}, {branching if forks else 'without branching'}"]


def _recurrent_inside(trace: Any) -> list[str]:
    found = [layer.label for layer in trace.layers if layer.type in _RECURRENT_INSIDE]
    return [f"Recurrent inside one operation: {listed(found)}"] if found else []


def _host_reads(trace: Any) -> list[str]:
    names = Counter(read.name for read in trace.host_reads)
    tests = names.pop("__bool__", 0)
    others = ", ".join(f"{name} {counted(n, 'time')}" for name, n in names.items())
    asked = [f"With conditionals: Python asked {counted(tests, 'time')} whether a tensor is true"]
    left = [f"Contents that left for Python: {others}"]
    return asked * bool(tests) + left * bool(others)


def _branches(trace: Any) -> list[str]:
    found = conditionals(trace) if trace.host_reads else ()
    title = f"Branches decided by tensors: {len(found):,}"
    lines = decided(found)
    left = [f"  and {len(lines) - _MOST_LINES:,} more"] if len(lines) > _MOST_LINES else []
    return [title, *(f"  {line}" for line in lines[:_MOST_LINES]), *left] if found else []


def _made_inside(trace: Any) -> list[str]:
    """Name the operations that read the contents of no computed tensor and of no state."""
    made = [
        op.label
        for op in trace.ops
        if op.kind == "call"
        and (op.name in SHAPE_ONLY or not (op.parents or op.parameters or op.buffers))
    ]
    return [f"Made inside, not from an input: {len(made):,} ({listed(made)})"] if made else []


def _tensors(trace: Any) -> list[str]:
    kept = [op for op in trace.ops if op.value is not None]
    made = [op.transformed for op in trace.ops if op.transformed is not None]
    computed = f"{len(trace.ops):,} computed ({total_bytes(trace.ops)})"
    after = f", {len(made):,} kept after a postfunction ({total_bytes(made)})" if made else ""
    return [f"Tensors: {computed}, {len(kept):,} kept ({total_bytes(kept)}){after}"]


def _parameters(trace: Any) -> list[str]:
    if not trace.parameters:
        return ["Parameters: none"]
    readers = sum(bool(op.parameters) for op in trace.ops)
    numbers = sum(math.prod(one.shape) for one in trace.parameters)
    frozen = sum(math.prod(one.shape) for one in trace.parameters if not one.trainable)
    shares = f"{numbers - frozen:,} trainable, {frozen:,} frozen" if frozen else "all trainable"
    totals = f"{numbers:,} numbers ({total_bytes(trace.parameters)}; {shares})"
    read_by = counted(readers, "operation")
    return [f"Parameters: {len(trace.parameters):,} with {totals}, read by {read_by}"]


def _time(trace: Any) -> list[str]:
    return [f"Time: {trace.seconds:.3g} s"]


def _completeness(trace: Any) -> list[str]:
    if trace.complete:
        return ["Complete: yes, every tensor operation was seen"]
    gaps = [f"  {gap}" for gap in trace.gaps[:_MOST_LINES]]
    left = len(trace.gaps) - len(gaps)
    return ["Complete: NO", *gaps, *([f"  and {left:,} more gaps"] if left else [])]


def _modules(trace: Any) -> str:
    called = {call.address for call in trace.module_calls}
    n_called = sum(address in called for address, _ in trace.modules)
    return f"Modules: {len(trace.modules):,}, {n_called:,} called"


# what is said of a Trace, in this order
_SENTENCES: tuple[Callable[[Any], list[str]], ...] = (
    _structure,
    _recurrent_inside,
    _host_reads,
    _branches,
    _made_inside,
    _tensors,
    _parameters,
    _time,
    _completeness,
)


def _layer_lines(trace: Any, most: int | None) -> list[str]:
    layers = trace.layers
    shown = layers
    if most is not None and len(layers) > most:
        shown = layers[: most - most // 2] + layers[len(layers) - most // 2 :]
    some_kept = any(map(_is_kept, trace.ops))
    lines = [_layer_line(trace, layer, mark=some_kept) for layer in shown]
    if len(shown) < len(layers):
        left = f"... {len(layers) - len(shown):,} layers left out; "
        everything = "lens_pipeline.tracer.report.report(trace, most=None) has them all"
        lines.insert(len(shown) - len(shown) // 2, left + everything)
    return lines


def _layer_line(trace: Any, layer: Layer, *, mark: bool) -> str:
    """Return a line about one layer; `mark` says where nothing of it was kept."""
    ops = [trace.ops[index] for index in layer.ops]
    shapes = list(dict.fromkeys(map(shape_and_type, ops)))
    passes = f"  {len(ops)} passes" if len(ops) > 1 else ""
    missing = "  not kept" if mark and not any(map(_is_kept, ops)) else ""
    return f"{layer.index:>4}: {layer.label:<24} {listed(shapes, most=3)}{passes}{missing}"


def _is_kept(op: Op) -> bool:
    return op.value is not None or op.transformed is not None
