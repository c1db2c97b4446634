"""New input over a known structure: values by Op at little more than the cost of hooks.

The operations of a forward pass are counted off against those of an earlier Trace. Nothing is
written down but the values asked for; a pass that computes something else is noticed at the first
operation that differs, and named. The pass can be stopped once it has given the last of them: what
comes later is then neither run nor compared.
"""

from __future__ import annotations

import contextlib
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.fence import generators_kept, process_fence
from lens_pipeline.tracer.interception import Function, Interception, Witness, targets_of
from lens_pipeline.tracer.keeping import Keep, KeptValues
from lens_pipeline.tracer.run import arguments, named_inputs
from lens_pipeline.tracer.tensors import leaves, tensors_in
from lens_pipeline.tracer.transforms import TransformCall, Transforms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from lens_pipeline.tracer.trace import Trace

# names of Ops that only a dispatch mode sees
_UNSEEN = frozenset({"from_numpy", "set_"})


class PassStopped(BaseException):
    """Leaves a forward pass that has given all that is wanted.

    Not an Exception, so that a model that catches those does not take it for one of its own.
    """


class StructureError(TraceError):
    """A forward pass that computed something else than the one it was to repeat."""


@dataclass(frozen=True)
class Outline:
    """What a forward pass does, as far as it takes to recognise it: small and picklable."""

    model_name: str
    # label and function of every Op, in order
    labels: tuple[str, ...]
    names: tuple[str, ...]
    # address of each module that returned its own input, by the Op that stands for it
    passed_through: tuple[tuple[int, str], ...]


def outline(trace: Trace) -> Outline:
    """Return the outline of a Trace."""
    return Outline(
        model_name=trace.model_name,
        labels=tuple(op.label for op in trace.ops),
        names=tuple(op.name for op in trace.ops),
        passed_through=tuple(
            (op.index, trace.module_calls[op.module_call].address)
            for op in trace.ops
            if op.kind == "call" and op.function is None and op.module_call is not None
        ),
    )


def rerun(
    model: torch.nn.Module,
    inputs: Any,
    known: Outline,
    *,
    keep: Collection[int],
    stop: bool = False,
) -> dict[int, torch.Tensor]:
    """Run `model` on new inputs and return the values of the Ops in `keep`, detached, by index.

    `inputs` as in `trace`. `stop`: leave the pass after the last of them; a model that does not let
    itself be stopped runs on unobserved. Raises StructureError naming the first operation that is
    not the one that ran before; what the model itself raises passes through.
    """
    args, kwargs = arguments(inputs)
    follower = _Follower(known, frozenset(keep), stop=stop)
    modules = dict(model.named_modules())
    with (
        process_fence(len(modules), lambda: None),
        generators_kept(),
        contextlib.suppress(PassStopped),
    ):
        for path, tensor in named_inputs(args, kwargs, forward=model.forward):
            follower.step(path, tensor)
        witness = (
            Witness(follower) if _UNSEEN.intersection(known.names) else contextlib.nullcontext()
        )
        with witness, _watched(modules, follower), Interception(follower):
            result = model(*args, **kwargs)
            if isinstance(result, types.GeneratorType):
                result = tuple(result)
        for path, tensor in leaves(result):
            follower.step(f"output{path}", tensor)
    follower.finish()
    return follower.kept.values


class _Follower:
    """Counts operations off against an outline; a listener of the interception."""

    def __init__(self, known: Outline, keep: frozenset[int], *, stop: bool) -> None:
        self.known = known
        self.kept = KeptValues(Keep(keep))
        self.n_ops = 0
        # the Op after which nothing is wanted; None to follow the pass to its end
        self.last = max(keep, default=-1) if stop else None
        self.stopped = False
        # kept, since a model that catches exceptions may catch this one too
        self.difference: StructureError | None = None
        self.passed_through = dict(known.passed_through)
        self.transforms = Transforms(lambda _: False, self.transform)

    def call(
        self, function: Function, run: Callable[..., Any], args: Sequence[Any], kwargs: Any
    ) -> Any:
        """Run a leaf call and count its output tensors."""
        if self.transforms.running or torch._C._are_functorch_transforms_active():
            self.transforms.inside(args, kwargs)
            return run(*args, **kwargs)
        targets: list[torch.Tensor] = []
        if function.writes or (kwargs and "out" in kwargs):
            targets = targets_of(function, args, kwargs)
            self.kept.save_before_write(targets)
        result = run(*args, **kwargs)
        for tensor in tensors_in(result) or targets:
            self.step(function.name, tensor)
        return result

    def transform(self, done: TransformCall) -> None:
        """Count what a transform of torch.func has returned."""
        with torch._C.DisableTorchFunction():
            for _, tensor in leaves(done.result):
                self.step(done.function.__name__, tensor)

    def unseen(self, name: str, result: Any) -> None:
        """Count what brings in a NumPy array; the known trace has said what else it cannot see."""
        if name == "aten.lift_fresh.default":
            self.step("from_numpy", result)
        elif name.startswith("aten.set_.") and "set_" in self.known.names:
            self.step("set_", result)

    def step(self, name: str, tensor: torch.Tensor) -> None:
        """Count one Op, which must be the next of the outline; PassStopped after the last."""
        if self.stopped:
            return
        index = self.n_ops
        names = self.known.names
        if index >= len(names) or names[index] != name:
            before = self.known.labels[index] if index < len(names) else "the end"
            self.difference = self.difference or StructureError(
                f"{self.known.model_name} computed {name} where {before} came before (operation "
                f"{index} of {len(names)}): its graph depends on the input."
            )
            raise self.difference
        self.n_ops += 1
        self.kept.keep(index, tensor, name=name)
        if self.last is not None and index >= self.last:
            self.stopped = True
            raise PassStopped

    def passed(self, address: str, inputs: Any, output: Any) -> None:
        """Count the Ops that stand for inputs which a module has returned as they came."""
        given = {id(tensor) for _, tensor in leaves(inputs)}
        for _, tensor in leaves(output):
            expected = self.passed_through.get(self.n_ops) == address
            if expected and id(tensor) in given:
                self.step("identity", tensor)

    def finish(self) -> None:
        """Raise StructureError if operations differed, or are missing at the end."""
        if self.difference is not None:
            raise self.difference
        if not self.stopped and self.n_ops < len(self.known.names):
            raise StructureError(
                f"{self.known.model_name} stopped after {self.n_ops} operations where "
                f"{self.known.labels[self.n_ops]} came before: its graph depends on the input."
            )


@contextlib.contextmanager
def _watched(modules: dict[str, torch.nn.Module], follower: _Follower) -> Iterator[None]:
    """Watch the modules that returned their own input, for as long as the context is open."""

    def hook_for(address: str) -> Callable[..., None]:
        def hook(_module: torch.nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            with torch._C.DisableTorchFunction():
                follower.passed(address, (args, kwargs), output)

        return hook

    with contextlib.ExitStack() as undo:
        for address in dict.fromkeys(follower.passed_through.values()):
            if address in modules:
                handle = modules[address].register_forward_hook(hook_for(address), with_kwargs=True)
                undo.callback(handle.remove)
        yield
