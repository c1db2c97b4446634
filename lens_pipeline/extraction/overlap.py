"""Work before and behind the forward pass, in other threads, in order and in bounded memory.

Decoding an image and writing a file leave Python's lock to the forward pass for most of their time,
so threads are enough, and nothing has to be sent between processes. An exception comes up where the
result is asked for; whoever stops asking ends the threads.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass
class Seconds:
    """Where the time of a Task went; decoding and writing go on beside computing."""

    # spent decoding and preparing stimuli, over all threads
    decoding: float = 0.0
    # spent in forward passes and postfunctions
    computing: float = 0.0
    # spent writing
    writing: float = 0.0
    # for which computing waited for stimuli, and for the writing of an earlier batch
    waiting: float = 0.0


@contextlib.contextmanager
def counted(seconds: Seconds, name: str) -> Iterator[None]:
    """Add the time that the context takes to one of the fields of `seconds`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        setattr(seconds, name, getattr(seconds, name) + time.perf_counter() - start)


def made_ahead(
    make: Callable[[_Item], _Made], items: Sequence[_Item], *, threads: int, ahead: int
) -> Generator[_Made, None, None]:
    """Yield `make(item)` of each item in order; at most `ahead` are made before they are asked for.

    Raises what `make` raised, in the place of its result.
    """
    pending: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for item in items:
                pending.append(pool.submit(make, item))
                if len(pending) > ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            _cancel(pending)


@contextlib.contextmanager
def done_behind(do: Callable[..., Any]) -> Iterator[Callable[..., None]]:
    """Yield a function that has `do` called on its arguments in another thread, in order.

    One call is under way at most; the next one waits for it. When the context ends well, all are
    done. What `do` raised comes up in the next call or at the end, and nothing is done after it.
    """
    pending: deque[Future[Any]] = deque()

    def later(*arguments: Any) -> None:
        while pending:
            pending.popleft().result()
        pending.append(pool.submit(do, *arguments))

    with ThreadPoolExecutor(1, thread_name_prefix="write") as pool:
        try:
            yield later
            while pending:
                pending.popleft().result()
        finally:
            _cancel(pending)


def _cancel(pending: deque[Future[Any]]) -> None:
    """Take back what has not begun; the pool waits for the rest when it closes."""
    while pending:
        pending.pop().cancel()
