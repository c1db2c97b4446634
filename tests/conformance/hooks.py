"""What plain forward hooks see, and where a trace differs from it.

The hooks run under a function mode that does nothing, since torch takes fused kernels for attention
where no mode is active, and those differ in the last bits.
"""

from __future__ import annotations

import collections
import dataclasses
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.overrides import BaseTorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lens_pipeline.tracer.trace import Trace

    # address -> for each call of it the tensors it returned
    Seen = dict[str, list[list[torch.Tensor]]]


def set_generators(seed: int) -> None:
    """Seed every generator that a model may draw from."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def run(model: torch.nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def hooked(model: torch.nn.Module, inputs: Any, *, seed: int) -> Seen:
    """Return for each address the tensors of each call's result, copied when it returned."""
    seen: Seen = collections.defaultdict(list)
    handles = []
    for address, module in model.named_modules():

        def hook(_module: object, _args: object, result: object, at: str = address) -> None:
            seen[at].append([tensor.detach().clone() for tensor in tensors_in(result)])

        handles.append(module.register_forward_hook(hook))
    try:
        set_generators(seed)
        with BaseTorchFunctionMode():
            run(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def tensors_in(result: object) -> Iterator[torch.Tensor]:
    """Yield the tensors in a module's result, in order, through containers and dataclasses."""
    if isinstance(result, torch.Tensor):
        yield result
    elif isinstance(result, Mapping):
        for value in result.values():
            yield from tensors_in(value)
    elif isinstance(result, list | tuple):
        for value in result:
            yield from tensors_in(value)
    elif dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            yield from tensors_in(getattr(result, field.name, None))


def differences(found: Trace, seen: Seen, addresses: set[str]) -> tuple[int, list[str]]:
    """Return the number of tensors compared, and every difference between trace and hooks.

    Calls of modules that are made in the forward pass have no hook to be compared with.
    """
    calls = collections.Counter(call.address for call in found.module_calls)
    found_wrong = [
        f"{address or 'the model'} was called {len(results)} times, traced {calls[address]}"
        for address, results in seen.items()
        if len(results) != calls[address]
    ]
    count = 0
    for call in (call for call in found.module_calls if call.address in addresses):
        name = f"{call.address or 'the model'}:{call.number}"
        expected = seen.get(call.address, [])[call.number - 1 : call.number]
        if not expected:
            found_wrong.append(f"{name} was traced, and not called")
            continue
        values = [found.ops[op].value for op in call.outputs]
        count += len(values)
        if len(values) != len(expected[0]):
            found_wrong.append(f"{name} returned {len(expected[0])} tensors, traced {len(values)}")
        elif not all(map(_same, values, expected[0])):
            found_wrong.append(f"{name} ({call.class_name}) has another value")
    return count, found_wrong


def _same(value: torch.Tensor | None, expected: torch.Tensor) -> bool:
    """Compare bit by bit; NaN equals NaN."""
    if value is None or (value.shape, value.dtype) != (expected.shape, expected.dtype):
        return False
    if value.is_quantized:
        return torch.equal(value, expected)
    if value.is_complex():
        value, expected = torch.view_as_real(value), torch.view_as_real(expected)
    return torch.equal(value, expected) or bool(
        torch.allclose(value.double(), expected.double(), rtol=0, atol=0, equal_nan=True)
    )
