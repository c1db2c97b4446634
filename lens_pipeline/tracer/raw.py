"""What a Recorder writes down, before layers are found and everything is frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.records import OpRef
from lens_pipeline.tracer.tensors import nbytes

if TYPE_CHECKING:
    from types import FrameType

    import torch

    from lens_pipeline.tracer.interception import Function
    from lens_pipeline.tracer.records import ModuleState, StateRef, TensorRef


# Touching an autograd node from Python makes torch free the graph by recursion, which overflows the
# stack of a very deep one; so the nodes of so many calls are looked at and no more.
_MOST_NODES = 5_000


@dataclass(frozen=True, slots=True)
class Beginning:
    """What was so when the forward pass began."""

    # of time.perf_counter
    time: float
    # for `strangers`
    mark: list[Any]
    module_states: tuple[ModuleState, ...]
    # of torch's CPU generator
    rng_state: torch.Tensor


class RawCall:
    """One call of a function, or one input or output of the model."""

    __slots__ = (
        *("kind", "function", "number", "module_call", "site", "args", "kwargs", "parents"),
        *("parameters", "buffers", "host_reads", "in_place", "autocast", "seconds"),
    )

    def __init__(
        self, kind: str, function: Function, number: int, place: tuple[int | None, int]
    ) -> None:
        self.kind = kind
        self.function = function
        # position among all calls
        self.number = number
        self.module_call, self.site = place
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.parents: list[int] = []
        self.parameters: list[str] = []
        self.buffers: list[str] = []
        self.host_reads: tuple[int, ...] = ()
        self.in_place = False
        self.autocast = False
        self.seconds = 0.0


@dataclass(slots=True)
class RawOp:
    """One output tensor of a call."""

    call: RawCall
    output_index: int | None
    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    nbytes: int
    requires_grad: bool
    grad_fn: str | None


@dataclass(slots=True)
class RawModuleCall:
    """A call of a module that is still open, or has ended."""

    # a module, or the class of an autograd.Function
    module: torch.nn.Module | type
    address: str
    # position among all module calls
    index: int
    # which call of the address, from 1
    number: int
    parent: int | None
    site: int
    first: int
    # the frame that runs the module's forward, while it runs
    frame: FrameType | None
    last: int = 0
    outputs: tuple[int, ...] = ()


def note_read(call: RawCall, ref: TensorRef, state: StateRef | None) -> None:
    """Take note of the Ops and of the parameter or buffer that an argument's contents come from."""
    if isinstance(ref, OpRef) and ref.op not in call.parents:
        call.parents.append(ref.op)
    for writer in ref.writers:
        if writer not in call.parents:
            call.parents.append(writer)
    if state is not None:
        names = call.buffers if state.buffer else call.parameters
        if state.address not in names:
            names.append(state.address)


def raw_op(call: RawCall, output_index: int | None, tensor: torch.Tensor) -> RawOp:
    """Return the facts of one output tensor; TraceError for a nested one, which has no shape."""
    if tensor.is_nested:
        raise TraceError(
            f"The operation {call.function.name} made a nested tensor, which has no shape that "
            "could be written down; trace the model on padded tensors."
        )
    requires_grad = tensor.requires_grad
    grad_fn = tensor.grad_fn if requires_grad and call.number < _MOST_NODES else None
    return RawOp(
        call,
        output_index,
        tuple(tensor.shape),
        tensor.dtype,
        tensor.device,
        nbytes(tensor),
        requires_grad,
        None if grad_fn is None else grad_fn.name(),
    )
