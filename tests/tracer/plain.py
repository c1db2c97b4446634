"""The plain forward pass as a witness of what a trace says."""

from __future__ import annotations

import copy
import gc
import random
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lens_pipeline import trace
from lens_pipeline.tracer.run import arguments
from lens_pipeline.tracer.tensors import leaves

if TYPE_CHECKING:
    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace

GRID = torch.tensor([[1.5, -0.5], [0.25, 2.0]])


def seed(number: int = 1) -> None:
    """Seed all generators that a model may draw from."""
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def plain_outputs(model: torch.nn.Module, inputs: Any) -> list[torch.Tensor]:
    """What the model returns without a tracer, from a copy of it."""
    args, kwargs = arguments(copy.deepcopy(inputs))
    untouched = copy.deepcopy(model)
    seed()
    return [tensor.detach() for _, tensor in leaves(untouched(*args, **kwargs))]


def traced_like_plain(model: torch.nn.Module, inputs: Any = GRID) -> Trace:
    """Trace the model; its outputs have the bits and layout of the plain forward's."""
    expected = plain_outputs(model, inputs)
    seed()
    traced = trace(model, copy.deepcopy(inputs))
    found = [op.value for op in traced.ops if op.kind == "output"]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one is not None
        assert (one.dtype, one.layout) == (other.dtype, other.layout)
        assert one.equal(other)
        assert one.stride() == other.stride()
    return traced


def types(traced: Trace) -> str:
    """The layer types of the calls, in order of execution."""
    return " ".join(traced.layers[op.layer].type for op in traced.ops if op.kind == "call")


def parents(traced: Trace, key: str) -> list[str]:
    """The labels of an Op's parents."""
    return [traced.ops[parent].label for parent in traced[key].parents]


def where(traced: Trace, op: Op) -> str:
    """The address of the module that an Op ran in."""
    assert op.module_call is not None
    return traced.module_calls[op.module_call].address


def modes() -> dict[str, object]:
    """What a trace changes in the process and the thread, and must put back."""
    return {
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "collector": gc.isenabled(),
        "recursion limit": sys.getrecursionlimit(),
        "profile": sys.getprofile(),
        "profile of new threads": threading.getprofile(),
        "gradients": torch.is_grad_enabled(),
        "generator": torch.get_rng_state().tolist(),
    }


def hook_values(model: torch.nn.Module, x: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    """What plain forward hooks see of every module call that returns one tensor, by address."""
    seen: dict[str, list[torch.Tensor]] = {}
    handles = []
    for address, module in model.named_modules():

        def hook(_m, _args, output, address=address):
            if isinstance(output, torch.Tensor):
                seen.setdefault(address, []).append(output.clone())

        handles.append(module.register_forward_hook(hook))
    model(x)
    for handle in handles:
        handle.remove()
    return seen
