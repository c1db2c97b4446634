"""Writes down a forward pass while it runs: the mutable half of the tracer.

A Recorder lives as long as one forward pass. It listens to the interception and to the modules,
follows the stack of open modules, and appends what it hears. What it has written is turned into an
immutable Trace afterwards.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.tracer.interception import Function
from lens_pipeline.tracer.lineage import KeptValues, Lineage
from lens_pipeline.tracer.modules import addresses
from lens_pipeline.tracer.records import OpRef, StateRef, TensorRef
from lens_pipeline.tracer.sites import Sites
from lens_pipeline.tracer.tensors import is_plain, leaves, nbytes, replace_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from types import FrameType


@dataclass(slots=True)
class RawCall:
    """One call of a function, or one input or output of the model."""

    kind: str
    function: Function
    # position among all calls
    number: int
    module_call: int | None
    site: int
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    parents: list[int] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    buffers: list[str] = field(default_factory=list)
    in_place: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
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

    module: torch.nn.Module
    address: str
    number: int
    parent: int | None
    site: int
    first: int
    # the frame that runs the module's forward, while it runs
    frame: FrameType | None
    last: int = 0
    outputs: tuple[int, ...] = ()


class Recorder:
    """The growing record of one forward pass."""

    def __init__(self, model: torch.nn.Module, keep: Container[int]) -> None:
        self.ops: list[RawOp] = []
        self.n_ops = 0
        self.module_calls: list[RawModuleCall] = []
        self.sites = Sites()
        # what the interception could not see, with how often
        self.gaps: Counter[str] = Counter()
        self._parameters = _addresses_by_id(model.named_parameters(remove_duplicate=False))
        buffers = _addresses_by_id(model.named_buffers(remove_duplicate=False))
        self.lineage = Lineage({**buffers, **self._parameters})
        self.kept = KeptValues(keep)
        self._parameter_names = frozenset(self._parameters.values())
        self._addresses = addresses(model)
        self._n_module_calls: Counter[str] = Counter()
        self._n_calls = 0
        self._open: list[int] = []
        # Switching all dispatch modes off for a call is right only if the witness is the only one.
        self._alone = torch._C._len_torch_dispatch_stack() == 0
        # A recorded call is running: what the witness sees belongs to it.
        self.quiet = False

    # ---- what the interception reports -------------------------------------------------------

    def call(
        self, function: Function, run: Callable[..., Any], args: Sequence[Any], kwargs: Any
    ) -> Any:
        """Run a leaf call and write one Op for each tensor it returns."""
        call = self._new_call("call", function, sys._getframe(1))
        tensors = self._read(call, tuple(args), kwargs)
        targets = _targets(function, args, kwargs)
        with self._witness_off(tensors):
            self.kept.save_before_write(targets)
            before = None if targets else _version_numbers(tensors)
            start = time.perf_counter()
            result = run(*args, **kwargs)
            call.seconds = time.perf_counter() - start
            if before is not None and before != _version_numbers(tensors):
                self._note_unannounced_write(function, tensors, before)
            outputs = _tensors_in(result) or targets
            call.in_place = bool(targets)
            self._add_outputs(call, outputs, single=isinstance(result, torch.Tensor))
            self._note_writes(targets)
        return result

    def unseen(self, name: str) -> None:
        """Count an ATen call that no recorded call has made."""
        if not self.quiet:
            address = self.module_calls[self._open[-1]].address if self._open else ""
            self.gaps[f"{name} in {address or 'the model'} was not seen as an operation"] += 1

    # ---- what the modules report -------------------------------------------------------------

    def enter(self, module: torch.nn.Module, caller: FrameType) -> None:
        """Open a call of `module`."""
        address = self._address(module)
        self._n_module_calls[address] += 1
        site = self._site(caller.f_back, module=address)
        self.module_calls.append(
            RawModuleCall(
                module=module,
                address=address,
                number=self._n_module_calls[address],
                parent=self._open[-1] if self._open else None,
                site=site,
                first=self.n_ops,
                frame=caller,
            )
        )
        self._open.append(len(self.module_calls) - 1)

    def leave(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        """Close the call of `module`, and whatever was left open inside it."""
        if not any(self.module_calls[index].module is module for index in self._open):
            return
        closing = self.module_calls[self._open[-1]]
        while closing.module is not module:
            self._close(closing)
            closing = self.module_calls[self._open[-1]]
        with torch._C.DisableTorchFunction():
            self._name_passed_through(closing, inputs, output)
            made = [self._made_by(tensor) for _, tensor in leaves(output)]
        closing.outputs = tuple(op for op in made if op is not None)
        self._close(closing)

    def _close(self, closing: RawModuleCall) -> None:
        closing.last, closing.frame = self.n_ops, None
        self._open.pop()

    def foreign_thread(self) -> None:
        """Take note that a part of the model ran where it cannot be seen."""
        self.gaps["a module of the model ran in another thread"] += 1

    # ---- inputs and outputs of the model -----------------------------------------------------

    def add_input(self, name: str, tensor: torch.Tensor) -> None:
        """Write an Op for one input tensor."""
        call = self._new_call("input", _no_function(name, "input"), None)
        with self._witness_off([tensor]):
            self._add_outputs(call, [tensor], single=True)

    def add_output(self, name: str, tensor: torch.Tensor) -> None:
        """Write an Op for one output tensor."""
        call = self._new_call("output", _no_function(name, "output"), None)
        self._read(call, (tensor,), {})
        with self._witness_off([tensor]):
            self._add_outputs(call, [tensor], single=True, rename=False)

    # ---- inside ------------------------------------------------------------------------------

    def _new_call(self, kind: str, function: Function, frame: FrameType | None) -> RawCall:
        self._n_calls += 1
        module_call = self._open[-1] if self._open else None
        return RawCall(kind, function, self._n_calls - 1, module_call, self._site(frame))

    def _site(self, frame: FrameType | None, *, module: str | None = None) -> int:
        if not self._open:
            return self.sites.number(frame, until=None, parent=None, module=module or "")
        inside = self.module_calls[self._open[-1]]
        address = inside.address if module is None else module
        return self.sites.number(frame, until=inside.frame, parent=inside.site, module=address)

    def _read(self, call: RawCall, args: tuple[Any, ...], kwargs: Any) -> list[torch.Tensor]:
        tensors: list[torch.Tensor] = []

        def refer(tensor: torch.Tensor) -> TensorRef:
            tensors.append(tensor)
            ref = self.lineage.refer(tensor)
            self._note_read(call, ref)
            return ref

        call.args = replace_tensors(args, refer)
        if kwargs:
            call.kwargs = replace_tensors(kwargs, refer)
        return tensors

    def _note_read(self, call: RawCall, ref: TensorRef) -> None:
        origin = [ref.op] if isinstance(ref, OpRef) else []
        for parent in (*origin, *ref.writers):
            if parent not in call.parents:
                call.parents.append(parent)
        if isinstance(ref, StateRef):
            is_parameter = ref.address in self._parameter_names
            names = call.parameters if is_parameter else call.buffers
            if ref.address not in names:
                names.append(ref.address)

    def _witness_off(self, tensors: list[torch.Tensor]) -> _Off:
        """Keep the witness from what a recorded call does.

        Dispatch is switched off altogether where nothing else relies on it: that is the plain
        forward pass to the bit. Subclasses of Tensor and other dispatch modes do rely on it.
        """
        switch_off = self._alone and all(map(is_plain, tensors))
        return _Off(self, switch_off=switch_off)

    def _add_outputs(
        self, call: RawCall, outputs: Sequence[torch.Tensor], *, single: bool, rename: bool = True
    ) -> None:
        for number, tensor in enumerate(outputs):
            self.ops.append(_raw_op(call, None if single else number, tensor))
            if rename:
                self.lineage.made(tensor, self.n_ops)
            self.kept.keep(self.n_ops, tensor)
            self.n_ops += 1

    def _note_writes(self, targets: list[torch.Tensor]) -> None:
        for back, target in enumerate(reversed(targets), start=1):
            self.lineage.wrote(target, self.n_ops - back)
            self.lineage.made(target, self.n_ops - back)

    def _name_passed_through(self, closing: RawModuleCall, inputs: Any, output: Any) -> None:
        """Give a tensor that a module returns as it came an Op of its own, so it has a place."""
        given = {id(tensor) for _, tensor in leaves(inputs)}
        for _, tensor in leaves(output):
            made_by = self._made_by(tensor)
            if id(tensor) in given and (made_by is None or made_by < closing.first):
                call = self._new_call("call", _no_function("identity", "identity"), None)
                self._read(call, (tensor,), {})
                with self._witness_off([tensor]):
                    self._add_outputs(call, [tensor], single=True)

    def _made_by(self, tensor: torch.Tensor) -> int | None:
        ref = self.lineage.refer(tensor)
        return ref.op if isinstance(ref, OpRef) else None

    def _address(self, module: torch.nn.Module) -> str:
        known = self._addresses.get(id(module))
        if known is not None:
            return known[0]
        parent = self.module_calls[self._open[-1]].address if self._open else ""
        return f"{parent}.<{type(module).__name__}>".lstrip(".")

    def _note_unannounced_write(
        self, function: Function, tensors: list[torch.Tensor], before: list[int]
    ) -> None:
        for tensor, old, new in zip(tensors, before, _version_numbers(tensors), strict=True):
            if old != new and self.kept.share_memory_with(tensor):
                self.gaps[f"{function.name} overwrote an argument whose value was kept"] += 1


def _no_function(name: str, layer_type: str) -> Function:
    return Function(None, name, layer_type, writes=False, silent=False, opened=None)


class _Off:
    """While entered, ATen calls are not the witness's business."""

    __slots__ = ("_guard", "_recorder", "_switch_off")

    def __init__(self, recorder: Recorder, *, switch_off: bool) -> None:
        self._recorder = recorder
        self._switch_off = switch_off
        self._guard: Any = None

    def __enter__(self) -> None:
        self._recorder.quiet = True
        if self._switch_off:
            self._guard = torch._C._DisableTorchDispatch()

    def __exit__(self, *_: object) -> None:
        self._guard = None
        self._recorder.quiet = False


def _addresses_by_id(named: Iterator[tuple[str, torch.Tensor]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for address, tensor in named:
        found.setdefault(id(tensor), address)
    return found


def _targets(function: Function, args: Sequence[Any], kwargs: Any) -> list[torch.Tensor]:
    """Return the tensors that the call will overwrite."""
    out = kwargs.get("out") if kwargs else None
    if out is not None:
        return _tensors_in(out)
    if not function.writes:
        return []
    first = args[0] if args else next(iter(kwargs.values()), None)
    return _tensors_in(first)


def _tensors_in(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, tuple | list):
        return [tensor for _, tensor in leaves(result)]
    return []


def _version_numbers(tensors: list[torch.Tensor]) -> list[int]:
    try:
        return [tensor._version for tensor in tensors]
    except RuntimeError:  # inference tensors keep no version
        return []


def _raw_op(call: RawCall, output_index: int | None, tensor: torch.Tensor) -> RawOp:
    grad_fn = tensor.grad_fn if tensor.requires_grad else None
    return RawOp(
        call=call,
        output_index=output_index,
        shape=tuple(tensor.shape),
        dtype=tensor.dtype,
        device=tensor.device,
        nbytes=nbytes(tensor),
        requires_grad=tensor.requires_grad,
        grad_fn=None if grad_fn is None else grad_fn.name(),
    )
