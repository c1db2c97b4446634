"""`runtime.compile=true`: torch.compile around a forward pass and its hooks.

A copy of the model is compiled, on which the hooks and the weights of the fast mode stay. Only what
the hooks caught is returned: the compiler drops what comes after the last of them by itself.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.errors import ModelError
from lens_pipeline.runtime.weights import FastWeights
from lens_pipeline.tracer.tensors import leaves, tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from lens_pipeline.runtime.hooks import Forward, Tap


@functools.lru_cache(maxsize=1)
def compiled(
    module: torch.nn.Module,
    taps: tuple[Tap, ...],
    *,
    channels_last: bool = False,
    folded: tuple[tuple[str, str], ...] = (),
) -> Forward:
    """Return a compiled forward pass that gives the values of `taps`; the rest as in FastWeights.

    The last one is remembered, since compiling takes a minute and a worker has many tasks of one
    model; it holds a copy of the model's weights. The pass raises ModelError for a model that
    cannot be compiled.
    """
    model = copy.deepcopy(module)
    weights = FastWeights(model, channels_last=channels_last, folded=folded)
    weights.put_in(contextlib.ExitStack())  # never closed: the copy keeps them
    caught: dict[int, torch.Tensor] = {}
    # how often each module was called in this pass
    calls: dict[str, int] = {}
    for address in dict.fromkeys(tap.address for tap in taps):
        own = [tap for tap in taps if tap.address == address]
        model.get_submodule(address).register_forward_hook(_hook(caught, calls, own))

    def run(inputs: torch.Tensor) -> list[torch.Tensor]:
        caught.clear()
        calls.clear()
        model(inputs)
        return [caught[tap.op] for tap in taps]

    fast = torch.compile(run)

    def forward(inputs: torch.Tensor) -> dict[int, torch.Tensor]:
        try:
            values = fast(inputs)
        except torch._dynamo.exc.TorchDynamoException as error:  # noqa: SLF001
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(
                f"{type(module).__name__} cannot be compiled ({reason}); set runtime.compile=false."
            ) from error
        return {tap.op: value.detach() for tap, value in zip(taps, values, strict=True)}

    return forward


def _hook(
    caught: dict[int, torch.Tensor], calls: dict[str, int], taps: list[Tap]
) -> Callable[..., None]:
    address = taps[0].address

    def hook(_module: torch.nn.Module, _args: Any, output: Any) -> None:
        calls[address] = calls.get(address, 0) + 1
        tensors = tensors_in(output) or [tensor for _, tensor in leaves(output)]
        for tap in taps:
            if tap.call == calls[address]:
                value = tensors[tap.place]
                caught[tap.op] = value.clone() if tap.copied else value

    return hook
