"""The arguments of an Op as text, with their names.

Names come from the signature of a Python function, or from the schema of the ATen operator of the
same name that takes such arguments. Where neither is known, an argument is called by its position.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.tracer.graph import holds_tensor
from lens_pipeline.tracer.records import ConstantRef, OpRef, StateRef, TensorRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace

_LONGEST = 80
_MOST_ITEMS = 16
_PLAIN = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis))
# names of the arguments, which of them are tensors, and how many can be given by position
_Schema = tuple[tuple[str, ...], tuple[bool, ...], int]
_TORCHS = (torch.dtype, torch.device, torch.layout, torch.memory_format)


def named_arguments(op: Op) -> dict[str, Any]:
    """Return the arguments by name, in the order in which they were given."""
    if op.function is None:
        return dict(enumerate_names(op.args))
    names = _python_names(op.function) or _schema_names(op)
    args = op.args
    if names is None:  # x.view(2, 3) stands for x.view((2, 3)), zeros(2, 3) for zeros((2, 3))
        n_sizes = sum(1 for _ in itertools.takewhile(_is_int, reversed(args)))
        args = (*args[: len(args) - n_sizes], args[len(args) - n_sizes :])
        names = _schema_names(op, args) if n_sizes > 1 else None
        args = args if names else op.args
    if names is None or len(names) < len(args):
        return {**dict(enumerate_names(args)), **op.kwargs}
    return {**dict(zip(names, args, strict=False)), **op.kwargs}


def enumerate_names(args: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Yield arguments with their positions for names."""
    return ((str(number), value) for number, value in enumerate(args))


def configuration(named: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that are not tensors and hold none."""
    return {name: value for name, value in named.items() if not holds_tensor(value)}


def shown(trace: Trace, value: Any) -> str:
    """Return an argument as short text; a tensor as the label or address of what it came from."""
    if isinstance(value, TensorRef):
        return _tensor(trace, value)
    if isinstance(value, slice):
        return _slice(trace, value)
    if isinstance(value, tuple | list):
        return _items(trace, value)
    if isinstance(value, dict):
        items = (f"{name}: {shown(trace, item)}" for name, item in value.items())
        return f"{{{', '.join(items)}}}"
    return _plain(value)


def _plain(value: Any) -> str:
    if not isinstance(value, (*_PLAIN, *_TORCHS)):
        return f"<{type(value).__name__}>"
    text = "..." if value is Ellipsis else repr(value)
    text = str(value) if isinstance(value, _TORCHS) else text
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _slice(trace: Trace, value: slice) -> str:
    ends = (value.start, value.stop, value.step)
    text = ":".join("" if end is None else shown(trace, end) for end in ends)
    return text.removesuffix(":") if value.step is None else text


def _items(trace: Trace, value: tuple[Any, ...] | list[Any]) -> str:
    items = [shown(trace, item) for item in value[:_MOST_ITEMS]]
    if len(value) > _MOST_ITEMS:
        items.append(f"... {len(value) - _MOST_ITEMS} more")
    opened, closed = "[]" if isinstance(value, list) else "()"
    comma = "," if len(value) == 1 and opened == "(" else ""
    return f"{opened}{', '.join(items)}{comma}{closed}"


def _tensor(trace: Trace, ref: TensorRef) -> str:
    if isinstance(ref, OpRef):
        return trace.ops[ref.op].label
    if isinstance(ref, StateRef):
        return ref.address
    assert isinstance(ref, ConstantRef)
    return f"<tensor {tuple(ref.tensor.shape)}>"


def _is_int(value: Any) -> bool:
    return isinstance(value, int)


def _python_names(function: Callable[..., Any]) -> tuple[str, ...] | None:
    code = inspect.unwrap(function)
    if not inspect.isfunction(code):
        return None
    parameters = inspect.signature(code).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return tuple(parameter.name for parameter in parameters)


def _schema_names(op: Op, args: tuple[Any, ...] | None = None) -> tuple[str, ...] | None:
    if op.function is torch.Tensor.where:  # unlike the operator, it takes the condition second
        return ("self", "condition", "other")
    args = op.args if args is None else args
    for names, tensors, n_positional in _own_schema(op.function) or _schemas(op.name.strip("_")):
        known = len(args) <= n_positional and all(name in names for name in op.kwargs)
        if known and all(map(_fits, args, names, tensors)):
            return names
    return None


def _fits(arg: Any, name: str, wants_tensor: bool) -> bool:  # noqa: FBT001
    for kind, own in ((torch.dtype, "dtype"), (torch.device, "device")):
        if isinstance(arg, kind):
            return name == own
    return arg is None or holds_tensor(arg) == wants_tensor


def _own_schema(function: Any) -> tuple[_Schema, ...]:
    schema = getattr(getattr(function, "default", function), "_schema", None)
    return () if schema is None else (_known_of(schema),)


@functools.lru_cache(maxsize=1024)
def _schemas(name: str) -> tuple[_Schema, ...]:
    """Return the arguments of each overload of an ATen operator."""
    packet = getattr(torch.ops.aten, name, None)
    overloads = packet.overloads() if isinstance(packet, torch._ops.OpOverloadPacket) else ()
    return tuple(_known_of(getattr(packet, overload)._schema) for overload in overloads)


def _known_of(schema: Any) -> _Schema:
    arguments = schema.arguments
    return (
        tuple(argument.name for argument in arguments),
        tuple("Tensor" in str(argument.type) for argument in arguments),
        sum(not argument.kwarg_only for argument in arguments),
    )
