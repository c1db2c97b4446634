"""Writes down a forward pass while it runs: the mutable half of the tracer.

A Recorder lives as long as one forward pass. It listens to the interception and to the modules,
follows the stack of open modules, and appends what it hears. What it has written is turned into an
immutable Trace afterwards.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch
from torch._ops import HigherOrderOperator
from torch.nn.parameter import is_lazy

from lens_pipeline.tracer.host_reads import HostReads
from lens_pipeline.tracer.interception import Function, layer_type, no_function, targets_of
from lens_pipeline.tracer.keeping import KeptValues
from lens_pipeline.tracer.lineage import Lineage
from lens_pipeline.tracer.modules import contents
from lens_pipeline.tracer.places import Places
from lens_pipeline.tracer.raw import RawCall, RawModuleCall, RawOp, note_read, raw_op
from lens_pipeline.tracer.records import HostRead, TensorRef
from lens_pipeline.tracer.tensors import (
    all_plain,
    leaves,
    replace_tensors,
    tensors_in,
    version_numbers,
)
from lens_pipeline.tracer.transforms import TransformCall, Transforms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from lens_pipeline.tracer.keeping import Keep


class Recorder:
    """The growing record of one forward pass."""

    def __init__(self, model: torch.nn.Module, keep: Keep) -> None:
        self.ops: list[RawOp] = []
        self.n_ops = 0
        self.host_reads = HostReads()
        # what the interception could not see, with how often
        self.gaps: Counter[str] = Counter()
        # the call that raised last
        self.failed: RawCall | None = None
        self.model = contents(model)
        self.places = Places(self.model)
        self.lineage = Lineage(self.model.parameters, self.model.buffers)
        self.kept = KeptValues(keep)
        self.transforms = Transforms(self.lineage.knows, self.transform)
        self._n_calls = 0
        self._quiet = _Quiet()
        # Switching all dispatch modes off for a call is right only if the witness is the only one.
        self._alone = torch._C._len_torch_dispatch_stack() == 0

    # ---- what the interception reports -------------------------------------------------------

    def call(
        self, function: Function, run: Callable[..., Any], args: Sequence[Any], kwargs: Any
    ) -> Any:
        """Run a leaf call and write one Op for each tensor it returns."""
        if self.transforms.running or torch._C._are_functorch_transforms_active():
            return self._call_transformed(function, run, args, kwargs)
        if function.writes and args and is_lazy(args[0]):
            return run(*args, **kwargs)
        call = self._new_call("call", function, sys._getframe(1))
        with self._quiet:
            tensors = self._read(call, args, kwargs)
            targets = targets_of(function, args, kwargs)
            self.kept.save_before_write(targets)
            before = version_numbers(tensors) if self.kept.values and not targets else None
            # A higher-order operator, such as cond, runs Python code under dispatch modes.
            plain = self._alone and not isinstance(function.func, HigherOrderOperator)
            switch_off = plain and all_plain(tensors)
            off = torch._C._DisableTorchDispatch() if switch_off else None
            try:
                result = self._run(call, run, args, kwargs)
                if before is not None and before != version_numbers(tensors):
                    self._note_unannounced_write(function, tensors, before)
                self._write_down(call, result, targets)
            finally:
                del off
        return result

    def transform(self, done: TransformCall) -> None:
        """Write one Op for each tensor that a transform of torch.func has returned."""
        outputs = [tensor for _, tensor in leaves(done.result)]
        if not outputs:
            return
        name = done.function.__name__
        if any(map(callable, done.result if isinstance(done.result, tuple) else ())):
            self.gaps[f"calls of the function that {name} returned are not followed"] += 1
        function = dataclasses.replace(no_function(name, layer_type(name)), func=done.function)
        # A profile function runs under the interception, which is not to see this.
        with torch._C.DisableTorchFunction(), self._quiet:
            call = self._new_call("call", function, done.caller)
            call.seconds = done.seconds
            self._read(call, done.args, done.kwargs)
            self._add_outputs(call, outputs, single=isinstance(done.result, torch.Tensor))

    def unseen(self, name: str, result: Any) -> None:
        """Count an ATen call that no recorded call has made, unless it is known what it did.

        A NumPy array can be brought in, or a tensor get the memory of another, as `copy.copy` does.
        """
        if self._quiet.depth or self.transforms.running:
            return
        array = name == "aten.lift_fresh.default"
        source = self.lineage.twin(result) if name.startswith("aten.set_.") else None
        if array or source is not None:
            function = no_function(*(("from_numpy", "fromnumpy") if array else ("set_", "set")))
            call = self._new_call("call", function, sys._getframe(1))
            with self._quiet:
                self._read(call, () if source is None else (source,), {})
                call.host_reads = self.host_reads.sharing_memory(result) if array else ()
                self._add_outputs(call, [result], single=True)
        else:
            inside = self.places.innermost
            where = (inside and inside.address) or "the model"
            self.gaps[f"{name} in {where} was not seen as an operation"] += 1

    # ---- what the modules report -------------------------------------------------------------

    def enter(self, module: torch.nn.Module, caller: FrameType) -> None:
        """Open a call of `module`."""
        self.places.enter(module, caller, n_ops=self.n_ops)

    def leave(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        """Close the call of `module`, and whatever was left open inside it."""
        closing = self.places.leaving(module, n_ops=self.n_ops)
        if closing is None:
            return
        tensors = [] if self.transforms.running else [tensor for _, tensor in leaves(output)]
        made = [self.lineage.maker(tensor) for tensor in tensors]
        if any(op is None or op < closing.first for op in made):
            self._name_passed_through(closing, inputs, tensors)
            made = [self.lineage.maker(tensor) for tensor in tensors]
        closing.outputs = tuple(op for op in made if op is not None)
        self.places.close(n_ops=self.n_ops)

    def foreign_thread(self) -> None:
        """Take note that something ran where it cannot be seen."""
        self.gaps["another thread was started or ran a module of the model"] += 1

    # ---- inputs and outputs of the model -----------------------------------------------------

    def add_input(self, name: str, tensor: torch.Tensor) -> None:
        """Write an Op for one input tensor."""
        call = self._new_call("input", no_function(name, "input"), None)
        with self._quiet:
            self._add_outputs(call, [tensor], single=True)

    def add_output(self, name: str, tensor: torch.Tensor) -> None:
        """Write an Op for one output tensor."""
        call = self._new_call("output", no_function(name, "output"), None)
        with self._quiet:
            self._read(call, (tensor,), {})
            self._add_outputs(call, [tensor], single=True, rename=False)

    # ---- inside ------------------------------------------------------------------------------

    def _new_call(self, kind: str, function: Function, frame: FrameType | None) -> RawCall:
        self._n_calls += 1
        place = self.places.place(frame, n_ops=self.n_ops)
        return RawCall(kind, function, self._n_calls - 1, place)

    def _read(self, call: RawCall, args: Sequence[Any], kwargs: Any) -> list[torch.Tensor]:
        tensors: list[torch.Tensor] = []

        def refer(tensor: torch.Tensor) -> TensorRef:
            tensors.append(tensor)
            ref = self.lineage.refer(tensor)
            note_read(call, ref, self.lineage.state(tensor, ref))
            return ref

        call.args = replace_tensors(tuple(args), refer)
        if kwargs:
            call.kwargs = replace_tensors(kwargs, refer)
        if self.host_reads.reads:
            call.host_reads = self.host_reads.among((args, kwargs))
        return tensors

    def _run(self, call: RawCall, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        call.autocast = torch._C._is_any_autocast_enabled()
        start = time.perf_counter()
        try:
            result = run(*args, **kwargs)
        except Exception:
            self.failed = call
            raise
        call.seconds = time.perf_counter() - start
        return result

    def _write_down(self, call: RawCall, result: Any, targets: list[torch.Tensor]) -> None:
        outputs = tensors_in(result) or targets
        if not outputs:
            if call.parents and result is not None:
                self._note_host_read(call, result)
            return
        call.in_place = bool(targets)
        self._add_outputs(call, outputs, single=isinstance(result, torch.Tensor))
        for back, target in enumerate(reversed(targets), start=1):
            self.lineage.wrote(target, self.n_ops - back)

    def _note_host_read(self, call: RawCall, result: Any) -> None:
        value = result if isinstance(result, bool | int | float) else None
        read = HostRead(
            index=len(self.host_reads.reads),
            name=call.function.name,
            ops=tuple(call.parents),
            after=self.n_ops,
            module_call=call.module_call,
            site=call.site,
            value=value,
        )
        self.host_reads.add(read, result)

    def _call_transformed(
        self, function: Function, run: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Run a call on the stand-ins for tensors that vmap, grad and their kin work with."""
        if not self.transforms.inside(args, kwargs):
            self.gaps[f"{function.name} inside a torch.func transform is not written down"] += 1
        with self._quiet:
            return run(*args, **kwargs)

    def _add_outputs(
        self, call: RawCall, outputs: Sequence[torch.Tensor], *, single: bool, rename: bool = True
    ) -> None:
        for number, tensor in enumerate(outputs):
            self.ops.append(raw_op(call, None if single else number, tensor))
            if rename:
                self.lineage.made(tensor, self.n_ops)
            self.kept.keep(self.n_ops, tensor, name=call.function.name)
            self.n_ops += 1

    def _name_passed_through(
        self, closing: RawModuleCall, inputs: Any, output: list[torch.Tensor]
    ) -> None:
        """Give a tensor that a module returns as it came an Op of its own, so it has a place."""
        given = {id(tensor) for _, tensor in leaves(inputs)}
        for tensor in output:
            maker = self.lineage.maker(tensor)
            if id(tensor) in given and (maker is None or maker < closing.first):
                call = self._new_call("call", no_function("identity", "identity"), None)
                # A hook runs under the interception, which is not to see this.
                with torch._C.DisableTorchFunction(), self._quiet:
                    self._read(call, (tensor,), {})
                    self._add_outputs(call, [tensor], single=True)

    def _note_unannounced_write(
        self, function: Function, tensors: list[torch.Tensor], before: list[int]
    ) -> None:
        for tensor, old, new in zip(tensors, before, version_numbers(tensors), strict=True):
            if old != new and self.kept.share_memory_with(tensor):
                self.gaps[f"{function.name} overwrote an argument whose value was kept"] += 1


class _Quiet:
    """While entered, ATen calls are not the witness's business: they belong to a recorded call."""

    __slots__ = ("depth",)

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
