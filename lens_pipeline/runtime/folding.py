"""Batch normalisations that the convolution before them can do.

In eval mode a batch normalisation scales and shifts each channel by constants; a convolution with
its weights scaled and its bias shifted gives the same but for rounding, and spares reading and
writing an activation. Folded is only what nobody can see apart: a convolution whose output goes to
one normalisation and nowhere else, is not wanted itself, and always comes with that normalisation.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from torch import nn

from lens_pipeline.tracer.graph import children

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lens_pipeline.tracer.records import ModuleCall
    from lens_pipeline.tracer.trace import Trace

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def foldable(
    module: nn.Module, traced: Trace, *, ops: Collection[int]
) -> tuple[tuple[str, str], ...]:
    """Return the addresses of convolutions, each with that of the normalisation it can do.

    The values of `ops` are wanted. Modules that are not torch's own, carry hooks, are in train mode
    or share their parameters are left alone.
    """
    n_calls = Counter(call.address for call in traced.module_calls)
    reads = Counter(address for op in traced.ops for address in op.parameters)
    states = {state.addresses[0]: state for state in traced.module_states}
    modules = dict(module.named_modules())

    def plain(address: str, classes: tuple[type[nn.Module], ...]) -> bool:
        found, state = modules.get(address), states[address]
        own = found is not None and "forward" not in vars(found)
        return own and type(found) in classes and not state.n_hooks and not state.training

    def alone(address: str) -> bool:
        names = [f"{address}.{name}" for name, _ in modules[address].named_parameters()]
        return all(reads[name] == n_calls[address] for name in names)

    return tuple(
        (conv, norm)
        for (conv, norm), n in Counter(_adjacent(traced, ops)).items()
        if n == n_calls[conv] == n_calls[norm]
        and plain(conv, _CONVOLUTIONS)
        and plain(norm, _NORMALISATIONS)
        and alone(conv)
    )


def _adjacent(traced: Trace, ops: Collection[int]) -> Iterator[tuple[str, str]]:
    """Yield the addresses of a convolution and the normalisation after it, call by call."""
    readers = children(traced)
    for call in traced.module_calls:
        op = traced.ops[call.outputs[0]] if len(call.outputs) == 1 else None
        # without running statistics, which are buffers, the constants would be of the batch
        if op is None or op.name != "batch_norm" or not op.buffers or len(op.parents) != 1:
            continue
        (before,) = op.parents
        source = _returned_by(traced, before)
        if source and readers[before] == [op.index] and before not in ops:
            yield source.address, call.address


def _returned_by(traced: Trace, op: int) -> ModuleCall | None:
    """Return the call of the module that an Op ran in, if it returned that Op's output alone."""
    number = traced.ops[op].module_call
    call = None if number is None else traced.module_calls[number]
    return call if call and call.outputs == (op,) else None
