"""Out of memory, as torch, NumPy and a traced forward pass each say it, and what to do then."""

from __future__ import annotations

import gc

import torch

from lens_pipeline.runtime.pages import give_back

# Beside the exceptions' own classes: torch's CPU allocator raises a bare RuntimeError.
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "std::bad_alloc")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Say whether an exception, or what it came from, is a want of memory."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS):
            return True
        error = error.__cause__
    return False


def free_memory() -> None:
    """Give back what a failed batch has left, once its exception is gone."""
    gc.collect()
    give_back()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
