"""Calls of torch.func's transforms (vmap, grad, jvp and their kin), each as one operation.

A transform runs a Python function on stand-ins for tensors, which are no tensors of the forward
pass, so what runs inside is not written down: the call of the outermost transform is the operation,
from its arguments to what it returns. No override announces that call. It is noticed at the first
call inside, found on the stack, and followed to its return by a profile function, which this
thread has for that long and which was not there before.

Tensors that the function has from its surroundings, such as a parameter or an earlier result, are
read by the operation, too: they are its argument `captured`, and can be exchanged.
"""

from __future__ import annotations

import inspect
import os
import sys
import time
import types
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.overrides import TorchFunctionMode

from lens_pipeline.tracer.tensors import leaves, replace_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

_FUNCTORCH = str(Path(torch.__file__).parent / "_functorch") + os.sep
_FILES = frozenset(_FUNCTORCH + name for name in ("apis.py", "eager_transforms.py", "vmap.py"))
_TRACER = str(Path(__file__).parent) + os.sep


class Transform:
    """A call of a transform that can be repeated, with other tensors from its surroundings."""

    def __init__(
        self, name: str, function: Callable[..., Any], captured: Sequence[torch.Tensor]
    ) -> None:
        self.__name__ = name
        self._function = function
        self._captured = tuple(captured)

    def __call__(self, *args: Any, captured: Sequence[torch.Tensor] = (), **kwargs: Any) -> Any:
        """Call the transform with `captured` in the place of what it captured."""
        others = {id(one): other for one, other in zip(self._captured, captured, strict=True)}
        with _Exchange(others):
            return self._function(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class TransformCall:
    """A call of a transform that has returned."""

    function: Transform
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    # the frame that called it
    caller: FrameType | None
    # wall time
    seconds: float


class Reports(Protocol):
    """Whoever takes note of a call that has returned."""

    def __call__(self, call: TransformCall, /) -> None:
        """Take note of it; runs under the modes that the call ran under."""


@dataclass(slots=True)
class Running:
    """The outermost transform while it runs."""

    frame: FrameType
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    start: float
    # by id
    captured: dict[int, torch.Tensor] = field(default_factory=dict)


class Transforms:
    """Follows the transforms of one thread."""

    def __init__(self, knows: Callable[[torch.Tensor], bool], report: Reports) -> None:
        # whether a tensor is one of the forward pass or of the model's state
        self._knows = knows
        # weak, since its owner holds this object: values go as soon as nobody holds them
        self._report = weakref.WeakMethod(report)
        # the outermost transform that has begun and not returned; None outside
        self.running: Running | None = None

    def inside(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> bool:
        """Take note of a call inside a transform; False where the transform cannot be followed."""
        running = self.running or self._begin()
        if running is None or sys.getprofile() != self._on_event:
            self.running = None
            return False
        given = {id(tensor) for _, tensor in leaves((running.args, running.kwargs))}
        for _, tensor in leaves((args, kwargs or {})):
            if id(tensor) not in given and not _is_stand_in(tensor) and self._knows(tensor):
                running.captured[id(tensor)] = tensor
        return True

    def _begin(self) -> Running | None:
        frame = _outermost(sys._getframe(2))
        if frame is None or sys.getprofile() is not None:
            return None
        args, kwargs = _arguments(frame)
        self.running = Running(frame, _function_of(frame), args, kwargs, time.perf_counter())
        sys.setprofile(self._on_event)
        return self.running

    def _on_event(self, frame: FrameType, event: str, result: Any) -> None:
        running = self.running
        if running is None or event != "return" or frame is not running.frame:
            return
        sys.setprofile(None)
        self.running = None
        captured = tuple(running.captured.values())
        report = self._report()
        assert report is not None
        report(
            TransformCall(
                Transform(_name(frame), running.function, captured),
                running.args,
                {**running.kwargs, "captured": captured} if captured else running.kwargs,
                result,
                frame.f_back,
                time.perf_counter() - running.start,
            )
        )


class _Exchange(TorchFunctionMode):
    """Gives calls other tensors than the ones they were written with."""

    def __init__(self, others: dict[int, torch.Tensor]) -> None:
        super().__init__()
        self._others = others

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one call with the other tensors."""
        given = replace_tensors((tuple(args), kwargs or {}), self._other)
        return func(*given[0], **given[1])

    def _other(self, tensor: torch.Tensor) -> torch.Tensor:
        return self._others.get(id(tensor), tensor)


def _is_stand_in(tensor: torch.Tensor) -> bool:
    found: bool = torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    return found


def _outermost(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the transform that the model called."""
    found = None
    for at in _frames(frame):
        if at.f_code.co_filename in _FILES:
            found = at
    return found


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames from a call out to the trace that it is part of."""
    while frame is not None:
        yield frame
        inside = frame.f_code.co_filename.startswith(_TRACER)
        if inside and frame.f_code.co_name in ("trace", "rerun"):
            return
        frame = frame.f_back


def _name(frame: FrameType) -> str:
    """Return the transform's name, such as "vmap" for `vmap.<locals>.wrapped`."""
    return frame.f_code.co_qualname.partition(".")[0]


def _arguments(frame: FrameType) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a function was called with."""
    code, found = frame.f_code, frame.f_locals
    names, rest, more, _ = inspect.getargvalues(frame)
    args = (*(found[name] for name in names[: code.co_argcount]), *(found[rest] if rest else ()))
    kwargs = {name: found[name] for name in names[code.co_argcount :]}
    return args, {**kwargs, **(found[more] if more else {})}


def _function_of(frame: FrameType) -> Callable[..., Any]:
    """Return a function that does what the one that a frame runs does."""
    code = frame.f_code
    cells = tuple(types.CellType(frame.f_locals[name]) for name in code.co_freevars)
    return types.FunctionType(code, frame.f_globals, code.co_name, None, cells)
