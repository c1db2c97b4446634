"""The weights of a model as fast passes want them, swapped in for a pass and out again.

Both kinds are held, so that exact and fast passes can alternate at no cost: the model's own
parameters come back themselves, not copies of them.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.fusion import fuse_conv_bn_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import nn


class FastWeights:
    """Convolution weights in the order (row, col, channel), with normalisations folded in.

    `folded`: addresses of convolutions and of the batch normalisations that they do. Without
    `channels_last` the order stays as it is.
    """

    def __init__(
        self, module: nn.Module, *, channels_last: bool, folded: Iterable[tuple[str, str]] = ()
    ) -> None:
        # what each parameter is to hold
        fast = {
            weight: weight.data.contiguous(memory_format=torch.channels_last)
            for weight in module.parameters()
            if channels_last and weight.ndim == 4
        }
        self._norms: list[nn.Module] = []
        # biases for convolutions that have none
        self._biases: list[tuple[nn.Module, nn.Parameter]] = []
        for conv_at, norm_at in folded:
            conv: Any = module.get_submodule(conv_at)
            norm: Any = module.get_submodule(norm_at)
            weight, bias = _fused(conv, norm, fast.get(conv.weight, conv.weight))
            fast[conv.weight] = weight.data
            if conv.bias is None:
                self._biases.append((conv, bias))
            else:
                fast[conv.bias] = bias.data
            self._norms.append(norm)
        self._data = [(weight, weight.data, data) for weight, data in fast.items()]

    @contextlib.contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Run what is inside on these weights."""
        with contextlib.ExitStack() as undo:
            self.put_in(undo)
            yield

    def put_in(self, undo: contextlib.ExitStack) -> None:
        """Give the model these weights until `undo` is closed."""
        for weight, own, data in self._data:
            undo.callback(setattr, weight, "data", own)
            weight.data = data
        for conv, bias in self._biases:
            undo.callback(setattr, conv, "bias", None)
            conv.bias = bias
        for norm in self._norms:
            norm.forward = _unchanged
            undo.callback(delattr, norm, "forward")


def ordered(inputs: torch.Tensor) -> torch.Tensor:
    """Return images with the channels last in memory, and anything else as it is."""
    return inputs.contiguous(memory_format=torch.channels_last) if inputs.ndim == 4 else inputs


def _unchanged(inputs: torch.Tensor) -> torch.Tensor:
    """Stand in for a normalisation that is done already."""
    return inputs


def _fused(conv: Any, norm: Any, weight: torch.Tensor) -> tuple[nn.Parameter, nn.Parameter]:
    """Return the weight and the bias with which a convolution does its normalisation too."""
    with torch.no_grad():
        return fuse_conv_bn_weights(
            weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
