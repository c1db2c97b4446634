"""POSTFUNCTIONS: the functions of this package, by the name a user types.

Each entry makes a postfunction from the text after the colon ("" where there is none) and raises
ValueError, saying what is allowed, for a text it cannot use. Making one imports no torch, so every
entry serves both to check a configuration and to run it. Means are taken in float32 unless the
layer is float64.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lens_pipeline.postfunctions.projection import as_float, srp

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from lens_pipeline.postfunctions.axes import Dims, Postfunction

_STORABLE = ("float32", "float64")


def identity(parameter: str) -> Postfunction:
    """Keep the output as it is."""
    _refuse_parameter(parameter)
    return lambda tensor, dims: (tensor, dims)


def flatten(parameter: str) -> Postfunction:
    """Put all units on one axis, `feature`, in memory order (channel by channel)."""
    _refuse_parameter(parameter)
    return lambda tensor, _: (tensor.reshape(_flat(tensor)), ("feature",))


def spatial_mean(parameter: str) -> Postfunction:
    """Average over rows and columns; a layer without them stays as it is."""
    _refuse_parameter(parameter)
    return _over(("row", "col"), lambda tensor, axes: as_float(tensor).mean(dim=axes))


def spatial_max(parameter: str) -> Postfunction:
    """Take the maximum over rows and columns; a layer without them stays as it is."""
    _refuse_parameter(parameter)
    return _over(("row", "col"), lambda tensor, axes: tensor.amax(dim=axes))


def cls(parameter: str) -> Postfunction:
    """Keep the first token (the class token of a ViT); a layer without tokens stays as it is."""
    _refuse_parameter(parameter)
    return _over(("token",), lambda tensor, axes: tensor.select(axes[0], 0))


def token_mean(parameter: str) -> Postfunction:
    """Average over all tokens, the class token included; a layer without tokens stays as it is."""
    _refuse_parameter(parameter)
    return _over(("token",), lambda tensor, axes: as_float(tensor).mean(dim=axes))


def channels(parameter: str) -> Postfunction:
    """Keep some channels, counted from 0: `channels:0-63`, `channels:1+5+9`, `channels:0-7+70`."""
    wanted = _parse_channels(parameter)

    def keep(tensor: Tensor, dims: Dims) -> tuple[Tensor, Dims]:
        if "channel" not in dims:
            axes = ", ".join(dims) or "none"
            raise ValueError(f"it has no channel axis (its axes: {axes}); leave this layer out")
        axis = 1 + dims.index("channel")
        if max(wanted) >= tensor.shape[axis]:
            last = tensor.shape[axis] - 1
            raise ValueError(f"channel {max(wanted)} was asked for, and its channels are 0-{last}")
        return tensor.index_select(axis, tensor.new_tensor(wanted).long()), dims

    return keep


def dtype(parameter: str) -> Postfunction:
    """Convert to `dtype:float32` or `dtype:float64`."""
    if parameter in {"float16", "bfloat16", "half"}:
        raise ValueError(f"netCDF stores no {parameter}; write dtype:float32 or dtype:float64")
    if parameter not in _STORABLE:
        raise ValueError("write dtype:float32 or dtype:float64")

    def convert(tensor: Tensor, dims: Dims) -> tuple[Tensor, Dims]:
        return (tensor.float() if parameter == "float32" else tensor.double()), dims

    return convert


POSTFUNCTIONS: dict[str, Callable[[str], Postfunction]] = {
    "identity": identity,
    "flatten": flatten,
    "spatial_mean": spatial_mean,
    "spatial_max": spatial_max,
    "cls": cls,
    "token_mean": token_mean,
    "srp": srp,
    "channels": channels,
    "dtype": dtype,
}


def _over(
    names: tuple[str, ...], reduce: Callable[[Tensor, tuple[int, ...]], Tensor]
) -> Postfunction:
    """Make a postfunction that reduces the axes `names`, or does nothing where one is absent."""

    def reduced(tensor: Tensor, dims: Dims) -> tuple[Tensor, Dims]:
        if not set(names) <= set(dims):
            return tensor, dims
        axes = tuple(1 + dims.index(name) for name in names)
        return reduce(tensor, axes), tuple(name for name in dims if name not in names)

    return reduced


def _flat(tensor: Tensor) -> tuple[int, int]:
    return tensor.shape[0], math.prod(tensor.shape[1:])


def _refuse_parameter(parameter: str) -> None:
    if parameter:
        raise ValueError(f"it takes no parameter, and was given {parameter!r}")


def _parse_channels(text: str) -> tuple[int, ...]:
    """Read `0-63+70` as the numbers it names, in the order written."""
    wanted: list[int] = []
    for part in text.split("+"):
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()) or part.endswith("-"):
            raise ValueError("write numbers and ranges joined by +, as in channels:0-63+70")
        if int(last or first) < int(first):
            raise ValueError(f"the range {part} runs backwards")
        wanted.extend(range(int(first), int(last or first) + 1))
    if len(set(wanted)) < len(wanted):
        raise ValueError("a channel is named twice")
    return tuple(wanted)
