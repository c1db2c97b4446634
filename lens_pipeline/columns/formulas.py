"""Torch's formulas for floating point operations, applied to shapes that were written down."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

# Calls that torch puts together from others, none of which multiplies matrices.
_NO_PRODUCTS = frozenset(
    {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "softmax"}
    | {"log_softmax", "dropout", "dropout_", "feature_dropout", "alpha_dropout", "pad", "type_as"}
    | {"max_pool1d", "max_pool2d", "max_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"}
    | {"adaptive_avg_pool3d", "avg_pool1d", "interpolate", "upsample", "__getitem__"}
    | {"__setitem__", "reshape", "flatten", "contiguous", "to", "float", "half", "chunk", "T", "mT"}
    | {"size", "view_as", "expand_as", "unflatten", "movedim", "swapaxes", "cross_entropy_loss"}
)


def can_multiply(name: str) -> bool:
    """Say whether a function has a formula, or is made of others that may have one."""
    from torch.utils.flop_counter import flop_registry

    if name in _NO_PRODUCTS:
        return False
    packet = getattr(torch.ops.aten, name.strip("_") if name.startswith("__") else name, None)
    if packet is None or packet in flop_registry:
        return True
    composite = "CompositeImplicitAutograd"
    overloads = (getattr(packet, overload).name() for overload in packet.overloads())
    return any(
        torch._C._dispatch_has_kernel_for_dispatch_key(overload, composite)
        for overload in overloads
        if torch._C._dispatch_has_kernel(overload)  # others are for TorchScript alone
    )


def from_shapes(name: str, shapes: Sequence[tuple[int, ...]], out: tuple[int, ...]) -> int | None:
    """Return the FLOPs of a common product of tensors of these shapes; None for another call."""
    from torch.utils import flop_counter

    if len(shapes) < 2:
        return None
    first, second = shapes[:2]
    n: int | None = None
    if name == "linear" and len(second) == 2:
        n = flop_counter.mm_flop((math.prod(first[:-1]), first[-1]), second[::-1])
    elif name in ("matmul", "__matmul__", "mm", "bmm") and min(len(first), len(second)) > 1:
        batch = math.prod(torch.broadcast_shapes(first[:-2], second[:-2]))
        n = flop_counter.bmm_flop((batch, *first[-2:]), (batch, *second[-2:]))
    elif name in ("conv1d", "conv2d", "conv3d") and len(first) == len(second):
        n = flop_counter.conv_flop_count([*first], [*second], [*out])
    elif name == "scaled_dot_product_attention" and len(first) == 4 and len(shapes) > 2:
        n = flop_counter.sdpa_flop_count(first, second, shapes[2])
    return n
