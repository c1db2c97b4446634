"""Which selected operations forward hooks can pick up, and which have to be counted for.

An Op whose output a module returns has a tap: the module, the number of its call, the place among
the tensors it returns. Taps are guessed from a Trace and then tried: only those that give the bits
of the Trace are used, so that whatever else a hook sees (a value overwritten before the module
returned, a result that another hook replaced) is left to counting.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from lens_pipeline.runtime.folding import foldable
from lens_pipeline.runtime.hooks import Tap, catching, run_caught
from lens_pipeline.runtime.settings import fused_attention_off
from lens_pipeline.tracer.graph import depends_on_input, structure_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from lens_pipeline.tracer.records import ModuleCall, Op
    from lens_pipeline.tracer.trace import Trace

# Functions whose output has a shape that depends on values: Python code that follows the shape
# depends on the input though it has read no value.
_VALUE_SHAPED = frozenset(
    {"nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "bincount"}
    | {"_unique", "_unique2", "nms", "repeat_interleave"}
)


@dataclass(frozen=True)
class Wiring:
    """How the selected operations of one model are captured: all that a worker has to know."""

    model_name: str
    # digest of the structure that every batch must have
    digest: str
    # indices of the selected Ops, in execution order
    ops: tuple[int, ...]
    # of those that a hook gives exactly
    taps: tuple[Tap, ...]
    # the input cannot change the graph
    fixed: bool
    # it has two-dimensional convolutions
    convolutional: bool
    # addresses of convolutions, each with that of the batch normalisation that the fast mode has it
    # do; empty where operations are counted
    folded: tuple[tuple[str, str], ...] = ()
    # Ops that the fast mode gives; the others are computed exactly
    fast: tuple[int, ...] = ()
    # the fast mode calculates in bfloat16, else in float32
    half: bool = False

    def hooks_for(self, ops: Collection[int]) -> tuple[Tap, ...] | None:
        """Return the taps of `ops` where hooks alone will do, else None."""
        taps = tuple(tap for tap in self.taps if tap.op in ops)
        return taps if self.fixed and len(taps) == len(ops) else None


def wire(
    module: torch.nn.Module, inputs: torch.Tensor, traced: Trace, *, ops: Iterable[int]
) -> Wiring:
    """Return how to capture `ops`, whose values `traced`, made of `inputs`, has kept.

    Runs the model on `inputs` once more, twice where values are overwritten.
    """
    values = {index: traced.ops[index].value for index in sorted(ops)}
    kept = {index: value for index, value in values.items() if value is not None}
    wiring = Wiring(
        model_name=traced.model_name,
        digest=structure_digest(traced),
        ops=tuple(kept),
        taps=_tried(module, inputs, guessed_taps(traced, kept), kept),
        fixed=is_fixed(traced),
        convolutional=any(op.name == "conv2d" for op in traced.ops),
    )
    if wiring.hooks_for(wiring.ops) is None:
        return wiring
    return dataclasses.replace(wiring, folded=foldable(module, traced, ops=wiring.ops))


def guessed_taps(traced: Trace, ops: Collection[int]) -> tuple[Tap, ...]:
    """Return for each Op that a module inside the model returned a tap on the first that did."""
    found: dict[int, tuple[ModuleCall, int]] = {}
    for call in sorted(traced.module_calls, key=lambda call: (call.last, -call.index)):
        for place, op in enumerate(call.outputs):
            if op in ops and call.address:
                found.setdefault(op, (call, place))
    return tuple(
        Tap(op, call.address, call.number, place, len(call.outputs))
        for op, (call, place) in sorted(found.items())
    )


def is_fixed(traced: Trace) -> bool:
    """Say whether the input cannot change the graph, as far as a trace can tell.

    It cannot where the trace missed nothing, Python read no value that depends on an input, and no
    operation made a shape out of values. A model that counts its own calls is beyond any trace.
    """
    depends = depends_on_input(traced)
    reads = (op for read in traced.host_reads for op in read.ops)
    return (
        traced.complete
        and not any(depends[op] for op in reads)
        and not any(_value_shaped(op, traced.ops) for op in traced.ops)
    )


def _value_shaped(op: Op, ops: Sequence[Op]) -> bool:
    if op.name == "__getitem__":
        return any(ops[parent].dtype in (torch.bool, torch.uint8) for parent in op.parents[1:])
    return op.name in _VALUE_SHAPED or (op.name == "where" and len(op.args) == 1)


def _tried(
    module: torch.nn.Module,
    inputs: torch.Tensor,
    taps: Sequence[Tap],
    expected: dict[int, torch.Tensor],
) -> tuple[Tap, ...]:
    """Return the taps that give the expected bits, and mark those that have to be copied."""
    taps = [tap for tap in taps if _reachable(module, tap.address)]
    values, written = _caught(module, inputs, taps) if taps else ({}, frozenset())
    good = [tap for tap in taps if tap.op not in written and _same(values, expected, tap.op)]
    again = [dataclasses.replace(tap, copied=True) for tap in taps if tap.op in written]
    if again:
        values, _ = _caught(module, inputs, again)
        good += [tap for tap in again if _same(values, expected, tap.op)]
    return tuple(sorted(good, key=lambda tap: tap.op))


def _caught(
    module: torch.nn.Module, inputs: torch.Tensor, taps: Sequence[Tap]
) -> tuple[dict[int, torch.Tensor], frozenset[int]]:
    with torch.no_grad(), fused_attention_off(), catching(module, taps, stop=False) as catch:
        run_caught(module, inputs, catch)
        return catch.values, catch.overwritten()


def _same(values: dict[int, torch.Tensor], expected: dict[int, torch.Tensor], op: int) -> bool:
    value = values.get(op)
    return value is not None and value.dtype == expected[op].dtype and _bits(value, expected[op])


def _bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    same = one.shape == other.shape
    return same and bool(((one == other) | (one.isnan() & other.isnan())).all())


def _reachable(module: torch.nn.Module, address: str) -> bool:
    try:
        module.get_submodule(address)
    except AttributeError:  # made inside forward, or kept in a plain list
        return False
    return True
