"""Sees every torch call of one thread while it is entered, and leaves nothing behind.

A `TorchFunctionMode` catches builtins, methods, properties, factories and library operators, also
those that a model imported by name beforehand. A function written in Python that calls others
(`F.multi_head_attention_forward`) arrives as one call; to see its inside, a copy of it is run whose
override guards answer False, with the mode entered again.

Beside it stands a `TorchDispatchMode`, the independent witness: it sees ATen calls that no recorded
call has made, such as those of a scripted submodule. While a recorded call runs, the dispatch mode
is switched off rather than asked, because some composite kernels choose other code where a dispatch
mode is active, and values must be those of the plain forward pass.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lens_pipeline.tracer.tensors import tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GUARDS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")

# Python functions that are one operation: what is inside them is not the forward pass's own.
_WHOLE: frozenset[Any] = frozenset({torch.autograd.grad, torch.Tensor.__deepcopy__})

# Calls that read or set how a tensor is kept, show it, or start a backward pass: they compute no
# value of the forward pass. The frequent ones are passed on unexamined, which is what makes code
# full of shape arithmetic cheap to trace.
_NOT_OPS = frozenset(
    {"__repr__", "__str__", "__format__", "__dir__", "__hash__", "__reduce_ex__", "__len__"}
    | {"requires_grad_", "retain_grad", "register_hook", "register_post_accumulate_grad_hook"}
    | {"backward", "share_memory_", "rename_", "_is_view", "is_shared"}
    | {"size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "type"}
    | {"is_contiguous", "is_floating_point", "is_complex", "element_size", "get_device"}
    | {"is_inference", "_is_any_true", "data_ptr", "untyped_storage", "is_pinned"}
)
_NOT_OP_PROPERTIES = frozenset(
    {"grad", "_base", "requires_grad", "grad_fn", "shape", "ndim", "dtype", "device", "layout"}
    | {"is_cuda", "is_cpu", "is_meta", "is_sparse", "is_quantized", "is_nested", "is_mkldnn"}
    | {"is_leaf", "names", "itemsize", "nbytes", "output_nr", "_version", "is_mps", "is_xpu"}
)

_ARITHMETIC = frozenset(
    {"add", "sub", "mul", "div", "truediv", "floordiv", "mod", "pow", "matmul"}
    | {"and", "or", "xor", "lshift", "rshift"}
)
_COMMUTES = frozenset({"radd", "rmul", "rand", "ror", "rxor"})


@dataclass(frozen=True, slots=True)
class Function:
    """What is known of a callable before it is called."""

    # the callable itself; None for an input, an output, or a module that returned its own input
    func: Callable[..., Any] | None
    # "conv2d", "relu_", "__getitem__"
    name: str
    # the name in labels: "conv2d", "relu", "getitem"
    layer_type: str
    # it writes into its first argument, by its name or its schema
    writes: bool
    # it is not an operation: run it and record nothing
    silent: bool
    # a copy of a Python function whose override guards answer False; None for a leaf
    opened: Callable[..., Any] | None


class Listener(Protocol):
    """Whoever writes down what the interception sees."""

    # number of Ops so far
    n_ops: int

    def call(
        self, function: Function, run: Callable[..., Any], args: Sequence[Any], kwargs: Any
    ) -> Any:
        """Run a leaf call by `run(*args, **kwargs)`, write it down, return its result."""

    def unseen(self, name: str, result: Any) -> None:
        """Take note of an ATen call that belongs to no recorded call, and of what it returned."""


class Interception(TorchFunctionMode):
    """Sends the leaf calls of this thread to a listener."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self._functions: dict[Any, Function] = {}
        self._opened_globals: dict[int, dict[str, Any]] = {}
        self._open: list[Any] = []

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        """Run one call: opened if it is Python code that calls others, else as a leaf."""
        kwargs = kwargs or {}
        function = self._functions.get(func)
        if function is None:
            function = self._functions[func] = describe(func, self._opened_globals)
        if function.silent:
            return func(*args, **kwargs)
        # A Tensor method that calls super() arrives again as itself.
        if function.opened is None or func in self._open:
            return self._listener.call(function, func, args, kwargs)
        return self._run_opened(function, func, args, kwargs)

    def _run_opened(self, function: Function, func: Any, args: Any, kwargs: Any) -> Any:
        before = self._listener.n_ops
        self._open.append(func)
        try:
            torch._C._push_on_torch_function_stack(self)
            try:
                result = function.opened(*args, **kwargs)  # type: ignore[misc]
            finally:
                torch._C._pop_torch_function_stack()
        finally:
            self._open.pop()
        if self._listener.n_ops > before or not isinstance(result, torch.Tensor):
            return result
        # It returned a tensor without any operation inside, so the call itself is the operation.
        return self._listener.call(function, lambda *_, **__: result, args, kwargs)


class Witness(TorchDispatchMode):
    """Counts the ATen calls that happen under no recorded call."""

    # torch.cond and its kin pass through like any other call
    supports_higher_order_operators = True

    def __init__(self, listener: Listener) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._listener = listener

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        """Report the call and run it."""
        with torch._C.DisableTorchFunction():
            result = func(*args, **(kwargs or {}))
            self._listener.unseen(str(func), result)
        return result


def describe(func: Any, opened_globals: dict[int, dict[str, Any]]) -> Function:
    """Return what is known of `func`; `opened_globals` keeps one altered copy per module."""
    name, owner = _name(func)
    if owner is not None:  # a property of a tensor
        silent = name in _NOT_OP_PROPERTIES or (owner == "__set__" and name != "data")
        return Function(func, name, layer_type(name), owner == "__set__", silent, None)
    return Function(
        func=func,
        name=name,
        layer_type=layer_type(name),
        writes=_writes(func, name),
        silent=name in _NOT_OPS,
        opened=_opened(func, opened_globals),
    )


def no_function(name: str, layer_type: str) -> Function:
    """Return what stands for a function where an Op comes from no call that was seen."""
    return Function(None, name, layer_type, writes=False, silent=False, opened=None)


def targets_of(function: Function, args: Sequence[Any], kwargs: Any) -> list[torch.Tensor]:
    """Return the tensors that the call will overwrite."""
    out = kwargs.get("out") if kwargs else None
    if out is not None:
        return tensors_in(out)
    if not function.writes:
        return []
    first = args[0] if args else next(iter(kwargs.values()), None)
    return tensors_in(first)


def layer_type(name: str) -> str:
    """Return the name of a function as it stands in labels.

    >>> layer_type("max_pool2d"), layer_type("relu_"), layer_type("__iadd__")
    ('maxpool2d', 'relu', 'add')
    """
    dunder = name.startswith("__") and name.endswith("__")
    plain = name.replace("_", "").lower()
    if dunder and (plain in _COMMUTES or (plain[:1] == "i" and plain[1:] in _ARITHMETIC)):
        plain = plain[1:]
    return {"truediv": "div", "rtruediv": "rdiv"}.get(plain, plain) or "call"


def _name(func: Any) -> tuple[str, str | None]:
    name = getattr(func, "__name__", None) or type(func).__name__
    if name in ("__get__", "__set__"):
        return func.__self__.__name__, name
    return str(name).split(".", maxsplit=1)[0], None


def _writes(func: Any, name: str) -> bool:
    schema = getattr(getattr(func, "default", func), "_schema", None)
    if schema is not None:
        return bool(schema.is_mutable)
    if name.startswith("__"):
        plain = name.strip("_")
        return plain in ("setitem", "delitem") or (plain[:1] == "i" and plain[1:] in _ARITHMETIC)
    return name.endswith("_")


def _opened(func: Any, opened_globals: dict[int, dict[str, Any]]) -> Callable[..., Any] | None:
    if not isinstance(func, types.FunctionType) or func in _WHOLE:
        return None
    if not any(guard in func.__code__.co_names for guard in _GUARDS):
        return None
    home = func.__globals__
    altered = opened_globals.get(id(home))
    if altered is None:
        altered = {**home, **{guard: _answer_no for guard in _GUARDS if guard in home}}
        opened_globals[id(home)] = altered
    copy = types.FunctionType(
        func.__code__, altered, func.__name__, func.__defaults__, func.__closure__
    )
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


def _answer_no(*_: Any) -> bool:
    return False
