"""Values at the price of a forward hook, and the forward pass left as soon as the last is there.

A hook sees what a module returns and nothing else. It notices a module that is called less or more
often than before, returns another number of tensors, or tensors of another shape; what changes
between hooks goes unseen. Hooks are therefore used where the traced graph cannot depend on the
input, and everywhere else operations are counted.
"""

from __future__ import annotations

import contextlib
import types
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.tracer.fence import generators_kept, process_fence
from lens_pipeline.tracer.rerun import PassStopped, StructureError
from lens_pipeline.tracer.tensors import leaves, tensors_in, version_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch

    # one batch of inputs -> the values of the selected Ops by index
    Forward = Callable[[torch.Tensor], dict[int, torch.Tensor]]


@dataclass(frozen=True)
class Tap:
    """Where a forward hook finds the output of an Op."""

    # index into Trace.ops
    op: int
    # of the module
    address: str
    # the number of the call of that module, from 1
    call: int
    # position among the tensors that the call returns, and how many those are
    place: int
    n_tensors: int
    # a later operation writes into its memory, so the hook copies it
    copied: bool = False


class Catch:
    """What the hooks of one forward pass have caught so far."""

    def __init__(self, taps: Sequence[Tap], *, stop: bool) -> None:
        self.taps = tuple(taps)
        self.values: dict[int, torch.Tensor] = {}
        self.n_calls: Counter[str] = Counter()
        self._versions: dict[int, list[int]] = {}
        self._wanted: dict[tuple[str, int], list[Tap]] = {}
        for tap in taps:
            self._wanted.setdefault((tap.address, tap.call), []).append(tap)
        # modules' calls that are still to come; none while no pass of its own is running
        self._left = 0
        self._stop = stop

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Forget the last pass and hear the next: what is inside, and no other pass."""
        self.values, self._versions = {}, {}
        self.n_calls.clear()
        self._left = len(self._wanted)
        try:
            yield
        finally:
            self._left = 0

    def returned(self, address: str, output: Any) -> None:
        """Take what is wanted of what a module returned; PassStopped after the last."""
        if not self._left:
            return
        self.n_calls[address] += 1
        taps = self._wanted.get((address, self.n_calls[address]), ())
        tensors = (tensors_in(output) or [t for _, t in leaves(output)]) if taps else []
        for tap in taps:
            if len(tensors) == tap.n_tensors:
                value = tensors[tap.place].detach()
                self.values[tap.op] = value.clone() if tap.copied else value
                self._versions[tap.op] = version_numbers([self.values[tap.op]])
        self._left -= bool(taps)
        if self._stop and not self._left:
            raise PassStopped

    def overwritten(self) -> frozenset[int]:
        """Return the Ops whose values were written to after they were caught.

        Torch counts writes to memory; in inference mode it does not, and none are found.
        """
        return frozenset(
            op
            for op, value in self.values.items()
            if version_numbers([value]) != self._versions[op]
        )


@contextlib.contextmanager
def catching(module: torch.nn.Module, taps: Sequence[Tap], *, stop: bool) -> Iterator[Catch]:
    """Hook the modules of `taps` for as long as the context is open."""
    catch = Catch(taps, stop=stop)
    with contextlib.ExitStack() as undo:
        for address in dict.fromkeys(tap.address for tap in taps):
            hook = _hook(catch, address)
            undo.callback(module.get_submodule(address).register_forward_hook(hook).remove)
        yield catch


def run_caught(module: torch.nn.Module, inputs: torch.Tensor, catch: Catch) -> None:
    """Run one forward pass into `catch`, to its end or until it stops itself.

    Random generators are left as they were, so that every batch draws the same numbers.
    """
    with (
        process_fence(0, lambda: None),
        generators_kept(),
        contextlib.suppress(PassStopped),
        catch.listening(),
    ):
        result = module(inputs)
        if isinstance(result, types.GeneratorType):
            tuple(result)


@contextlib.contextmanager
def hooked(module: torch.nn.Module, taps: Sequence[Tap], *, model_name: str) -> Iterator[Forward]:
    """Yield a forward pass that returns the values of `taps` and stops after the last of them.

    It raises StructureError where a module was not called as often as before or returned something
    else than in the first pass.
    """
    shapes: dict[int, torch.Size] = {}
    calls: dict[str, int] = {}
    with catching(module, taps, stop=True) as catch:

        def forward(inputs: torch.Tensor) -> dict[int, torch.Tensor]:
            run_caught(module, inputs, catch)
            _check_taps(catch, model_name)
            _check_calls(catch, calls, model_name)
            for op, value in catch.values.items():
                _check_shape(value, shapes.setdefault(op, value.shape), model_name)
            return catch.values

        yield forward


def _check_calls(catch: Catch, before: dict[str, int], model_name: str) -> None:
    """Compare the number of calls with that of the first pass, which is put into `before`."""
    for address, n in catch.n_calls.items():
        if before.setdefault(address, n) != n:
            raise StructureError(
                f"{model_name} called {address} {n} times where it called it {before[address]} "
                "times before: its graph depends on the input."
            )


def _check_taps(catch: Catch, model_name: str) -> None:
    for tap in catch.taps:
        if tap.op not in catch.values:
            raise StructureError(
                f"{model_name} called {tap.address} {catch.n_calls[tap.address]} times, or it "
                f"returned another number of tensors than {tap.n_tensors}, where the output of "
                f"call {tap.call} was expected: its graph depends on the input."
            )
    written = catch.overwritten()
    if written:
        raise StructureError(
            f"{model_name} overwrote the output of {_address(catch, min(written))}, which it left "
            "alone before: its graph depends on the input."
        )


def _check_shape(value: torch.Tensor, before: torch.Size, model_name: str) -> None:
    if value.shape != before:
        raise StructureError(
            f"{model_name} gave an output of shape {tuple(value.shape)} where {tuple(before)} came "
            "before for as many stimuli: its graph depends on the input."
        )


def _address(catch: Catch, op: int) -> str:
    return next(tap.address for tap in catch.taps if tap.op == op)


def _hook(catch: Catch, address: str) -> Callable[..., None]:
    def hook(_module: torch.nn.Module, _args: Any, output: Any) -> None:
        catch.returned(address, output)

    return hook
