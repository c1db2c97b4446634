"""What an Op costs: floating point operations, and bytes that autograd keeps for its backward pass.

The formulas are those of torch's own `FlopCounterMode`: 2 per multiplication and addition of a
matrix product, convolution or attention, 0 for whatever has no formula in its registry. Those of
the common products are applied to the recorded shapes. Any other call is made again on `meta`
tensors, which have shapes and no numbers, under that counter; so is every call whose backward pass
is asked about. Torch loads its compiler for that, which takes seconds, once per process. Calls that
are alike are looked at once. What was called must belong to torch; code of the user is not run.
"""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.columns.formulas import can_multiply, from_shapes
from lens_pipeline.tracer.graph import references
from lens_pipeline.tracer.records import ConstantRef, OpRef, StateRef, TensorRef
from lens_pipeline.tracer.tensors import leaves, replace_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch.utils.flop_counter import FlopCounterMode

    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace

# Calls that multiply no matrices; some of them need numbers, and fail on meta tensors.
_MOVES_OR_PICKS = frozenset(
    {"to", "cpu", "cuda", "type", "type_as", "copy_", "pin_memory", "tensor", "as_tensor", "data"}
    | {"__getitem__", "__setitem__", "index_put_", "index_put", "index", "masked_select", "nms"}
    | {"nonzero", "argwhere", "where", "unique", "_unique2", "unique_consecutive", "bincount"}
    | {"repeat_interleave", "multinomial", "masked_scatter", "masked_scatter_"}
    | {"_pack_padded_sequence", "_pad_packed_sequence"}
)
# Calls whose kernels on a device keep other tensors than the meta device's do.
_OTHER_KERNELS = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu"})
_MATRIX_PRODUCTS = ("mm", "matmul", "linear", "conv", "einsum", "attention", "dot", "lstm", "gru")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs; None where it cannot be known."""

    flops: int | None
    # bytes beyond parameters and buffers that a backward pass needs
    autograd_bytes: int | None


_FREE = Cost(0, 0)


def flops(trace: Trace) -> list[int | None]:
    """Return the FLOPs of each Op; those of a call with several outputs are its first Op's."""
    return [cost.flops for cost in _costs(trace, _flops_first)]


def autograd_bytes(trace: Trace) -> list[int | None]:
    """Return what a backward pass through each Op needs kept, at the first Op of its call."""
    return [cost.autograd_bytes for cost in _costs(trace, _cost)]


def _costs(trace: Trace, ask: Callable[[Op, _Arguments, FlopCounterMode], Cost]) -> list[Cost]:
    facts = [(one.addresses, one.shape, one.dtype, one.trainable) for one in trace.parameters]
    facts += [(one.addresses, one.shape, one.dtype, False) for one in trace.buffers]
    state = {
        name: _Known(shape, dtype, trainable, of_model=True)
        for names, shape, dtype, trainable in facts
        for name in names
    }
    known: dict[Any, Cost] = {}
    found: list[Cost] = []
    with _counting() as counter:
        for op in trace.ops:
            if op.kind != "call" or op.function is None or (op.output_index or 0) > 0:
                found.append(_FREE)
                continue
            arguments = _Arguments(trace, op, state)
            key = (op.function, op.grad_fn, arguments.key)
            if key not in known:
                known[key] = ask(op, arguments, counter)
            found.append(known[key])
    return found


def _flops_first(op: Op, arguments: _Arguments, counter: FlopCounterMode) -> Cost:
    """Return the FLOPs from the recorded shapes if they can be had so."""
    if _is_torchs(op.function):
        if not can_multiply(op.name):
            return _FREE
        shapes = [arguments.tensors[arguments.number(ref)].shape for ref in references(op.args)]
        # an odd form of a product, or a shape that is not known, is left to the counter
        with contextlib.suppress(AssertionError, ValueError, RuntimeError, TypeError):
            by_formula = from_shapes(op.name, shapes, op.shape)  # type: ignore[arg-type]
            if by_formula is not None:
                return Cost(by_formula, None)
    return _cost(op, arguments, counter)


@contextlib.contextmanager
def _counting() -> Iterator[FlopCounterMode]:
    from torch.utils.flop_counter import FlopCounterMode

    with (
        warnings.catch_warnings(),
        torch.inference_mode(mode=False),
        torch.random.fork_rng(devices=[]),
        FlopCounterMode(display=False) as counter,
    ):
        warnings.simplefilter("ignore")
        yield counter


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a tensor that came in."""

    # None where it was not written down
    shape: tuple[int, ...] | None
    dtype: torch.dtype
    requires_grad: bool
    # a parameter or a buffer, which is kept in any case
    of_model: bool = False


class _Arguments:
    """The arguments of an Op with a number for each distinct tensor, and what is known of those."""

    def __init__(self, trace: Trace, op: Op, state: dict[str, _Known]) -> None:
        self._trace = trace
        self._state = state
        self._numbers: dict[Any, int] = {}
        self.tensors: list[_Known] = []
        arguments = (self._key(op.args), self._key(op.kwargs))
        self.key = (arguments, tuple(self.tensors))

    def number(self, ref: TensorRef) -> int:
        """Return the number of a tensor."""
        name: Any = ref.op if isinstance(ref, OpRef) else None
        if isinstance(ref, StateRef):
            name = ref.address
        elif isinstance(ref, ConstantRef):
            name = ("constant", id(ref.tensor))
        if name not in self._numbers:
            self._numbers[name] = len(self.tensors)
            self.tensors.append(self._known(ref))
        return self._numbers[name]

    def _known(self, ref: TensorRef) -> _Known:
        if isinstance(ref, OpRef):
            op = self._trace.ops[ref.op]
            return _Known(op.shape, op.dtype, op.requires_grad)
        if isinstance(ref, ConstantRef):
            tensor = ref.tensor
            return _Known(tuple(tensor.shape), tensor.dtype, tensor.requires_grad)
        unknown = _Known(None, torch.float32, requires_grad=False, of_model=True)
        return self._state.get(ref.address, unknown)

    def _key(self, value: Any) -> Any:
        if isinstance(value, TensorRef):
            return ("tensor", self.number(value))
        if isinstance(value, tuple | list):
            return (type(value), *map(self._key, value))
        if isinstance(value, dict):
            return tuple((name, self._key(item)) for name, item in value.items())
        if isinstance(value, slice):
            return ("slice", self._key((value.start, value.stop, value.step)))
        try:
            hash(value)
        except TypeError:
            return ("object", id(value))
        return (type(value), value)


def _cost(op: Op, arguments: _Arguments, counter: FlopCounterMode) -> Cost:
    # On meta tensors torch takes a resize apart in Python, which takes a tenth of a second.
    if not arguments.tensors or (op.grad_fn is None and op.name.startswith("upsample_")):
        return _FREE
    if _is_torchs(op.function) and any(known.shape is None for known in arguments.tensors):
        multiplies = any(word in op.name for word in _MATRIX_PRODUCTS)
        return Cost(None if multiplies else 0, None if op.grad_fn else 0)
    if _is_torchs(op.function):
        for one_dtype in (False, True):  # under autocast the arguments are cast inside the call
            with contextlib.suppress(Exception):
                return _made_again(op, arguments, counter, one_dtype=one_dtype)
    picks = op.name in _MOVES_OR_PICKS
    return Cost(0 if picks else None, None if op.grad_fn else 0)


def _is_torchs(function: Any) -> bool:
    if isinstance(getattr(function, "__self__", None), type):
        return False
    return str(getattr(function, "__module__", None) or "torch").startswith("torch")


def _made_again(
    op: Op, arguments: _Arguments, counter: FlopCounterMode, *, one_dtype: bool
) -> Cost:
    assert op.function is not None
    made = [_stand_in(known, one_dtype=one_dtype) for known in arguments.tensors]
    paired = zip(made, arguments.tensors, strict=True)
    ours = {_storage(tensor) for tensor, known in paired if known.of_model}
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        saved[_storage(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    def stand_in(leaf: Any) -> Any:
        if isinstance(leaf, TensorRef):
            return given[arguments.number(leaf)]
        return torch.device("meta") if isinstance(leaf, torch.device) else leaf

    with torch.set_grad_enabled(op.grad_fn is not None):
        # a leaf that requires gradients may not be written
        given = [tensor.clone() for tensor in made] if op.in_place else made
        args, kwargs = replace_leaves((op.args, op.kwargs), stand_in)
        before = counter.get_total_flops()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            result = op.function(*args, **kwargs)
        flops = counter.get_total_flops() - before
    if any(result is tensor for tensor in given) and not op.in_place:
        return Cost(flops, 0)
    n_bytes = sum(n for storage, n in saved.items() if storage not in ours)
    same = not one_dtype and _grad_fn(result) == op.grad_fn and op.name not in _OTHER_KERNELS
    return Cost(flops, n_bytes if same or op.grad_fn is None else None)


def _grad_fn(result: Any) -> str | None:
    for _, tensor in leaves(result):
        return None if tensor.grad_fn is None else tensor.grad_fn.name()
    return None


def _stand_in(known: _Known, *, one_dtype: bool) -> torch.Tensor:
    assert known.shape is not None
    dtype = torch.float32 if one_dtype and known.dtype.is_floating_point else known.dtype
    floating = dtype.is_floating_point or dtype.is_complex
    return torch.empty(
        known.shape, dtype=dtype, device="meta", requires_grad=known.requires_grad and floating
    )


def _storage(tensor: torch.Tensor) -> int:
    key: int = tensor.untyped_storage()._cdata
    return key
