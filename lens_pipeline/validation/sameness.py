"""Whether two tensors hold the same, to the bit or up to rounding, and in words how they differ."""

from __future__ import annotations

import torch

from lens_pipeline.tracer.wording import torch_name

# relative and absolute difference that counts as rounding, by the bytes of a number
_ROUNDING = {2: (1e-2, 1e-3), 4: (1e-5, 1e-6), 8: (1e-10, 1e-12)}


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Say whether two tensors have the same dtype, shape and numbers; NaN equals NaN."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.layout is not torch.strided:
        return one.layout == other.layout and same(one.to_dense(), other.to_dense())
    if torch.equal(one, other):
        return True
    if not (one.is_floating_point() or one.is_complex()):
        return False
    return bool(((one == other) | (one.isnan() & other.isnan())).all())


def nearly_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Say whether two tensors differ by no more than the order of a summation can make."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if not one.is_floating_point() or one.layout is not torch.strided:
        return same(one, other)
    relative, absolute = _ROUNDING[min(max(one.element_size(), 2), 8)]
    return torch.allclose(one, other, rtol=relative, atol=absolute, equal_nan=True)


def difference(one: torch.Tensor, other: torch.Tensor) -> str:
    """Say in words how two tensors differ."""
    if one.dtype != other.dtype or one.shape != other.shape:
        kinds = (f"{tuple(t.shape)} {torch_name(t.dtype)}" for t in (one, other))
        return " instead of ".join(kinds)
    if one.layout is not torch.strided or one.dtype is torch.bool or one.is_quantized:
        return "other numbers"
    apart = (one - other).abs()
    n_apart = int(((one != other) & ~(one.isnan() & other.isnan())).sum())
    return f"{n_apart} of {one.numel()} numbers differ, by at most {apart.max().item():.3g}"
