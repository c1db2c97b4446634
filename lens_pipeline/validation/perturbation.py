"""Whether an Op really depends on its parents: other contents in, another output expected.

Where every perturbation leaves the output as it was, there must be a reason why it may; the reasons
are the functions of EXEMPTIONS. Without one, the edge has failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.tracer.graph import SHAPE_ONLY, origins, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lens_pipeline.tracer.records import Op, TensorRef

# Arguments that are read for their shape and type alone: function name -> position.
_SHAPE_ONLY = {
    **dict.fromkeys(SHAPE_ONLY, 0),
    **dict.fromkeys(("expand_as", "view_as", "reshape_as", "type_as", "to"), 1),
}
_MASKING = frozenset({"where", "masked_fill", "masked_scatter", "setitem"})
_FACTORS = frozenset({"alpha", "beta", "value", "weight"})
_LARGE = 1e3


@dataclass(frozen=True, slots=True)
class Slot:
    """One tensor among the arguments of a call, wherever in them it stands."""

    # the Ops that its contents came from
    parents: tuple[int, ...]
    tensor: torch.Tensor
    # position in the arguments, or keyword, where it stands first
    position: int | str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An edge whose perturbation changed nothing."""

    op: Op
    slot: Slot
    # the output as it was
    output: torch.Tensor
    # how many perturbed values the call took without an error
    n_accepted: int


def slots(op: Op, read: Callable[[TensorRef], torch.Tensor]) -> list[Slot]:
    """Return the distinct tensors among the arguments that come from other Ops."""
    found: dict[int, Slot] = {}
    places: list[tuple[int | str, Any]] = [*enumerate(op.args), *op.kwargs.items()]
    for position, ref in ((place, ref) for place, value in places for ref in references(value)):
        if not origins(ref):
            continue
        tensor = read(ref)
        known = found.get(id(tensor), Slot((), tensor, position))
        together = dict.fromkeys((*known.parents, *origins(ref)))
        found[id(tensor)] = Slot(tuple(together), tensor, known.position)
    return list(found.values())


def perturbed(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield other contents for a tensor, tamer ones first.

    Integers stay within the range of what was there, since they may be an index.
    """
    if tensor.layout is not torch.strided:
        yield tensor * -1.5
    elif tensor.is_quantized or not tensor.numel():
        return
    elif tensor.dtype is torch.bool:
        yield ~tensor
    elif tensor.is_floating_point() or tensor.is_complex():
        yield from _perturbed_numbers(tensor)
    else:
        low, high = tensor.min(), tensor.max()
        yield low + (high - tensor)
        yield tensor.flip(tuple(range(tensor.dim())))
        yield torch.where(tensor == low, high, low).to(tensor.dtype)
        if tensor.device.type == "cpu":  # elsewhere a bad index ends the process
            yield tensor + 1


def _perturbed_numbers(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    real = tensor.real if tensor.is_complex() else tensor
    ramp = torch.linspace(-1, 1, tensor.numel(), device=tensor.device).reshape(tensor.shape)
    scale = torch.nan_to_num(real.abs().max().float(), posinf=1.0).clamp(min=1e-3, max=_LARGE)
    yield (tensor * -1.5 + ramp * scale).to(tensor.dtype)
    yield (tensor.abs() + 1 - ramp).to(tensor.dtype)
    yield (tensor - ramp * scale * _LARGE).to(tensor.dtype)


def _empty(case: Unchanged) -> str | None:
    empty = not case.slot.tensor.numel() or not case.output.numel()
    return "one of the two is empty" if empty else None


def _shape_only(case: Unchanged) -> str | None:
    alone = _SHAPE_ONLY.get(case.op.name) == case.slot.position
    return "read for its shape and type alone" if alone else None


def _overwritten(case: Unchanged) -> str | None:
    target = case.op.in_place and case.slot.position in (0, "out", "tensor", "input", "self")
    return "a destination that is overwritten in full" if target else None


def _discrete(case: Unchanged) -> str | None:
    continuous = case.output.is_floating_point() or case.output.is_complex()
    return None if continuous else "the result is discrete and stayed the same"


def _index(case: Unchanged) -> str | None:
    tensor = case.slot.tensor
    if tensor.is_floating_point() or tensor.is_complex():
        return None
    return "an index argument of which no other value made a difference"


def _constant(case: Unchanged) -> str | None:
    output = case.output
    if output.layout is not torch.strided or output.is_quantized:
        return None
    same = bool((output == output.flatten()[0]).all() or output.isnan().all())
    return "saturated: the output is one value throughout" if same else None


def _masked(case: Unchanged) -> str | None:
    masking = case.op.name.strip("_") in _MASKING
    return "not selected by the mask or index" if masking else None


def _factor_of_zero(case: Unchanged) -> str | None:
    factors = [value for name, value in case.op.kwargs.items() if name in _FACTORS]
    zero = any(isinstance(value, int | float) and value == 0 for value in factors)
    return "multiplied by a factor of zero" if zero else None


def _uniform_attention(case: Unchanged) -> str | None:
    weighing = case.slot.position in (0, 1, "query", "key")
    if case.op.name != "scaled_dot_product_attention" or not weighing:
        return None
    alike = bool((case.output == case.output[..., :1, :]).all())
    return "attention over one key, or over equal values, weighs them all alike" if alike else None


def _refused(case: Unchanged) -> str | None:
    return None if case.n_accepted else "the call accepts no other value"


# Why an output may stay the same, each a function of the case: the reason, or None.
EXEMPTIONS: tuple[Callable[[Unchanged], str | None], ...] = (
    _empty,
    _shape_only,
    _refused,
    _overwritten,
    _discrete,
    _index,
    _masked,
    _constant,
    _factor_of_zero,
    _uniform_attention,
)


def exemption(case: Unchanged) -> str | None:
    """Return why the output may stay the same; None where it should have changed."""
    return next((reason for why in EXEMPTIONS if (reason := why(case)) is not None), None)
