"""The nouns of a traced forward pass, as frozen data.

An Op is one executed tensor operation and has one output tensor; a call with several output
tensors leaves one Op per tensor. Relations are stored once, upwards (an Op knows its parents, a
ModuleCall its parent); whatever else one wants to know is derived in `graph`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    import torch


@dataclass(frozen=True, slots=True)
class OpRef:
    """An argument that is the output of an earlier Op."""

    op: int
    # in-place Ops that wrote to the same memory through another tensor since then
    writers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StateRef:
    """An argument that is a parameter or a buffer of the model."""

    # the first of its addresses, such as "layer1.0.conv1.weight"
    address: str
    writers: tuple[int, ...] = ()
    # it is a buffer, not a parameter
    buffer: bool = False


@dataclass(frozen=True, slots=True)
class ConstantRef:
    """An argument that is a tensor which neither the model nor this forward pass made."""

    tensor: torch.Tensor
    writers: tuple[int, ...] = ()


TensorRef = OpRef | StateRef | ConstantRef


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the source from which an Op was called: what makes two visits the same place."""

    # the site of the enclosing module call; None for the model itself
    parent: int | None
    # address of the enclosing module, "" for the model itself
    module: str
    # code object and instruction offset (of the first instruction of its stretch of source)
    # of each frame between the module's call and the op's,
    # innermost first
    frames: tuple[tuple[CodeType, int], ...]


@dataclass(frozen=True, slots=True)
class Op:
    """One executed tensor operation."""

    # position in Trace.ops: inputs first, then calls as executed, then outputs
    index: int
    # "input", "call" or "output"
    kind: str
    # the function as it was called: "conv2d", "relu_", "__getitem__"; for inputs and outputs their
    # place in the arguments or the result, such as "input.x" or "output.logits"
    name: str
    # "conv2d_3_7", or "linear_1_1:2" where the layer has several passes
    label: str
    # index into Trace.layers
    layer: int
    # the number of this visit of the layer, from 1
    pass_number: int
    # what was called; None for inputs, outputs, and a module that returned its own input
    function: Callable[..., Any] | None
    # the arguments, with every tensor replaced by a TensorRef
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    # Ops whose output this one read, each once, in the order of the arguments
    parents: tuple[int, ...]
    # addresses of the parameters and of the buffers that this Op read
    parameters: tuple[str, ...]
    buffers: tuple[str, ...]
    # calls are numbered in execution order; Ops of one call differ in output_index
    call: int
    # results of earlier host reads that came in as arguments, by index into Trace.host_reads
    host_reads: tuple[int, ...]
    # it ran under torch.autocast
    autocast: bool
    # which output tensor of the call this is; None where the call returned a single tensor
    output_index: int | None
    # the call wrote its output into one of its arguments
    in_place: bool
    # index into Trace.module_calls of the innermost module; None outside the model
    module_call: int | None
    # index into Trace.sites
    site: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    # bytes of the output tensor, views counted in full
    nbytes: int
    requires_grad: bool
    # name of the autograd node that made the output, such as "ConvolutionBackward0"; None without
    # gradients, and for calls after the first 5,000
    grad_fn: str | None
    # wall time of the call; shared by the Ops of one call
    seconds: float
    # the output, detached, as it was when the Op had run; None where it was not kept
    value: torch.Tensor | None
    # what the postfunction made of it; None where there was none
    transformed: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class HostRead:
    """A tensor's contents that left for Python: a number, a truth value, a list, an array.

    What Python does with them afterwards cannot be followed; where the very object comes back as an
    argument of a later Op, that Op names this read.
    """

    # position in Trace.host_reads
    index: int
    # "item", "__bool__", "tolist", "numpy", ...
    name: str
    # Ops whose contents were read
    ops: tuple[int, ...]
    # how many Ops had run
    after: int
    # index into Trace.module_calls of the innermost module; None outside the model
    module_call: int | None
    # index into Trace.sites
    site: int
    # what was read, where it is a number or a truth value
    value: bool | int | float | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One place in the network and its visits."""

    # position in Trace.layers, which is the second number of the label
    index: int
    # "conv2d_3_7": the third conv2d, the seventh layer (the first input is number 0)
    label: str
    # function name without underscores: "conv2d", "maxpool2d", "add"
    type: str
    # one Op per pass, in execution order
    ops: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """One call of one nn.Module."""

    # position in Trace.module_calls, in order of entry
    index: int
    # dotted attribute path, "" for the model itself
    address: str
    class_name: str
    # the number of this call of this address, from 1
    number: int
    # index of the enclosing call; None for the model itself
    parent: int | None
    site: int
    # Ops that made the tensors it returned, in the order of the flattened result
    outputs: tuple[int, ...]
    # the Ops from `first` up to, not including, `last` ran inside it
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the model and the addresses under which it is reached."""

    addresses: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype
    nbytes: int
    trainable: bool


@dataclass(frozen=True, slots=True)
class Buffer:
    """One buffer of the model and the addresses under which it is reached."""

    addresses: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype
    nbytes: int
    # it is part of the model's state_dict
    persistent: bool


@dataclass(frozen=True, slots=True)
class ModuleState:
    """What a module is beyond its class name."""

    # all of its addresses, the first one first
    addresses: tuple[str, ...]
    # such as "torch.nn.modules.conv.Conv2d"
    qualified_class: str
    # it was in train mode
    training: bool
    # forward hooks and pre-hooks of the user's
    n_hooks: int
