"""What the Fields of an entry say, where it takes more than a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lens_pipeline.compat.call_stack import FuncCallLocation, locations
from lens_pipeline.tracer.graph import holds_tensor
from lens_pipeline.tracer.records import OpRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lens_pipeline.compat.history import LayerEntry
    from lens_pipeline.tracer.records import ModuleCall, Parameter


def short_label(entry: LayerEntry) -> str:
    """Return the short label, with its pass where there are several."""
    short: str = entry.layer_label_no_pass_short
    return f"{short}:{entry.pass_num}" if entry.num_passes > 1 else short


def passes(entry: LayerEntry) -> list[str]:
    """Return the labels of every pass of the layer."""
    trace = entry.history.trace
    return [trace.ops[op].label for op in trace.layers[entry.op.layer].ops]


def lookup_keys(entry: LayerEntry) -> list[str | int]:
    """Return ordinals, then names."""
    shown, names = entry.history.shown, entry.history.names
    ordinal = shown.index(entry.op.index)
    found = sorted(name for name, ops in names.items() if ops == (entry.op.index,))
    return [ordinal - len(shown), ordinal, *found]


def is_saved(entry: LayerEntry) -> bool:
    """Say whether the output was kept, raw or transformed."""
    return entry.op.value is not None or entry.op.transformed is not None


def is_truth_value(entry: LayerEntry) -> bool:
    """Say whether the output is one truth value."""
    return entry.op.shape == () and str(entry.op.dtype) == "torch.bool"


def call_stack(entry: LayerEntry) -> tuple[FuncCallLocation, ...]:
    """Return where the call stands in the source."""
    return locations(entry.history.overview.stacks[entry.op.site])


def plain_args(entry: LayerEntry) -> list[Any]:
    """Return the arguments by position that hold no tensor."""
    return [value for value in entry.op.args if not holds_tensor(value)]


def plain_kwargs(entry: LayerEntry) -> dict[str, Any]:
    """Return the arguments by keyword that hold no tensor."""
    return {name: value for name, value in entry.op.kwargs.items() if not holds_tensor(value)}


def parameters(entry: LayerEntry) -> list[Parameter]:
    """Return the records of the parameters that were read."""
    return [entry.history.overview.parameters[address] for address in entry.op.parameters]


def parents_by_argument(entry: LayerEntry) -> dict[str, dict[Any, str]]:
    """Return the label of the parent in each argument, by position and by keyword."""
    ops = entry.history.trace.ops
    return {
        "args": {place: ops[op].label for place, op in _refs(enumerate(entry.op.args))},
        "kwargs": {place: ops[op].label for place, op in _refs(entry.op.kwargs.items())},
    }


def containing_module(entry: LayerEntry) -> str | None:
    """Return the innermost module call; None outside of any."""
    overview = entry.history.overview
    chain = overview.chain(entry.op)
    if not chain or not chain[-1].address:
        return None
    call = chain[-1]
    several = len(overview.calls_of[call.address]) > 1
    return f"{call.address}:{call.number}" if several else call.address


def modules_entered(entry: LayerEntry) -> list[str]:
    """Return the addresses of the modules into which the output went."""
    return list(dict.fromkeys(call.address for call in _entries(entry)))


def module_passes_entered(entry: LayerEntry) -> list[str]:
    """Return the calls of modules into which the output went."""
    return [f"{call.address}:{call.number}" for call in _entries(entry)]


def modules_exited(entry: LayerEntry) -> list[str]:
    """Return the addresses of the modules that returned the output."""
    return [call.address for call in _exits(entry)]


def leaf_module_pass(entry: LayerEntry) -> str | None:
    """Return the call of the module without inner calls that returned the output."""
    not_leaves = entry.history.overview.not_leaves
    calls = (call for call in _exits(entry) if call.index not in not_leaves)
    return next((f"{call.address}:{call.number}" for call in calls), None)


def _entries(entry: LayerEntry) -> list[ModuleCall]:
    """Return the calls that an operation reading the output ran in, and the entry did not."""
    overview, trace = entry.history.overview, entry.history.trace
    around = {call.index for call in overview.chain(entry.op)}
    readers = (trace.ops[child] for child in overview.children[entry.op.index])
    inside = {call.index for reader in readers for call in overview.chain(reader)}
    calls = (trace.module_calls[index] for index in sorted(inside - around))
    return [call for call in calls if call.address]


def _exits(entry: LayerEntry) -> list[ModuleCall]:
    calls = entry.history.overview.exits.get(entry.op.index, [])
    return [call for call in calls if call.address]


def _refs(items: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, int]]:
    """Yield where an Op's output came in: an argument, or an item of a list of them."""
    for place, value in items:
        inside = enumerate(value) if isinstance(value, tuple | list) else ()
        for where, one in ((place, value), *(((place, item), one) for item, one in inside)):
            if isinstance(one, OpRef):
                yield where, one.op
