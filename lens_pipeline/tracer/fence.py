"""What a trace changes in the whole process, put back when the last trace of the process ends.

Python's collector, its recursion limit, the hook for new threads and the compiler's stance exist
once per process. Two threads that trace at the same time would put back each other's changes if
each restored what it found, so the first trace in saves and the last one out restores. For that,
this module holds one object that changes, `_PROCESS`; it is the only one of the package.
"""

from __future__ import annotations

import contextlib
import gc
import random
import sys
import threading
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Process:
    """How many traces are running, what they listen for, and what undoes their changes."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.undo = contextlib.ExitStack()
        self.listeners: list[Callable[[], None]] = []

    def open(self) -> None:
        """Save what the traces will change; called by the first one in."""
        for context in (generators_kept(), _recursion_limit_kept(), _collector_paused(), eager()):
            self.undo.enter_context(context)
        self.undo.enter_context(_new_threads_reported(self.listeners))


_PROCESS = _Process()


@contextlib.contextmanager
def process_fence(n_modules: int, on_thread: Callable[[], None]) -> Iterator[None]:
    """Make the process ready for tracing a model of `n_modules`, and put it back afterwards.

    `on_thread` is called in each thread that starts meanwhile: no mode follows it there.
    """
    with _PROCESS.lock:
        if not _PROCESS.listeners:
            _PROCESS.open()
        _PROCESS.listeners.append(on_thread)
        # A model nests as deep as it does untraced; a watched module takes a few frames more.
        sys.setrecursionlimit(sys.getrecursionlimit() + 4 * n_modules)
    try:
        yield
    finally:
        with _PROCESS.lock:
            _PROCESS.listeners.remove(on_thread)
            if not _PROCESS.listeners:
                _PROCESS.undo.close()


@contextlib.contextmanager
def _recursion_limit_kept() -> Iterator[None]:
    before = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextlib.contextmanager
def _new_threads_reported(listeners: list[Callable[[], None]]) -> Iterator[None]:
    before = threading.getprofile()

    def note(*_: Any) -> None:
        sys.setprofile(before)
        for listener in tuple(listeners):
            listener()

    threading.setprofile(note)
    try:
        yield
    finally:
        threading.setprofile(before)


@contextlib.contextmanager
def generators_kept() -> Iterator[None]:
    """Leave Python's, NumPy's and torch's random generators as they were."""
    numpy = sys.modules.get("numpy")
    state, numpy_state = random.getstate(), numpy.random.get_state() if numpy else None
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=list(cuda)):
        try:
            yield
        finally:
            random.setstate(state)
            if numpy:
                numpy.random.set_state(numpy_state)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cyclic collector from running, if it is on.

    A record of thousands of small objects starts full collections, which walk every object of every
    imported library: 34 microseconds per operation instead of 14.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def eager() -> contextlib.AbstractContextManager[Any]:
    """Run compiled models as ordinary Python; the compiler is not loaded for it."""
    if "torch._dynamo" not in sys.modules:
        return contextlib.nullcontext()
    stance: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance
