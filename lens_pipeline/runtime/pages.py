"""Memory that a process has once had from the kernel is kept for its next forward pass.

The C library gives each large block back as soon as it is freed, and the kernel then clears new
pages for the next activation of the same size: a third of the time of a convolutional network's
forward pass on the CPU. A process that exists to run forward passes keeps its pages instead. Blocks
of ever other sizes, as an analysis has, leave gaps that then stay: it runs with pages given back.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Parameters of glibc's mallopt, as malloc.h numbers them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KEEPING = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1))
# where the thresholds end up that the C library adapts by itself until it is told one
_USUAL = ((_MMAP_MAX, 2**16), (_MMAP_THRESHOLD, 2**25), (_TRIM_THRESHOLD, 2**26))
_kept = Event()


def keep_pages() -> bool:
    """Have this process keep the memory it frees; return whether the C library can.

    Only for processes of our own, since it holds for everything in them. Values do not change.
    """
    if _tell(_KEEPING):
        _kept.set()
    return _kept.is_set()


@contextmanager
def pages_given_back() -> Iterator[None]:
    """Give the kernel what is free, and what is freed inside; then keep pages again.

    Where none are kept, nothing is done.
    """
    if not _kept.is_set():
        yield
        return
    _tell(_USUAL)
    give_back()
    try:
        yield
    finally:
        _tell(_KEEPING)


def give_back() -> None:
    """Give the kernel what is free now."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _tell(settings: tuple[tuple[int, int], ...]) -> bool:
    mallopt = getattr(_c_library(), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in settings)


def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
