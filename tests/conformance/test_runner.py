"""A model in a process of its own: whatever happens to it is one row."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tests.conformance.entries import Entry
from tests.conformance.runner import check_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.check import Row


def _row(
    build: Callable[[], tuple[nn.Module, Any]],
    *,
    library: str = "torch",
    seconds: float = 60,
    gigabytes: float = 16,
) -> Row:
    return check_apart(Entry("toy/m", "toy", library, build), seconds=seconds, gigabytes=gigabytes)


def test_the_row_comes_back_from_the_process() -> None:
    """It is the row that the check made."""
    row = _row(lambda: (nn.ReLU(), torch.ones(1)))
    assert (row.status, row.ops) == ("ok", 3)


def test_a_killed_process_is_a_failed_row() -> None:
    """The signal is named."""
    row = _row(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert (row.status, row.failures) == ("failed", "its process ended: killed by SIGKILL")


def test_a_process_that_ends_itself_is_a_failed_row() -> None:
    """Its exit status is given."""
    row = _row(lambda: os._exit(3))
    assert row.failures == "its process ended: exit status 3"


def test_a_model_that_takes_too_long_is_a_failed_row() -> None:
    """The limit is said."""
    row = _row(lambda: time.sleep(60), seconds=0.3)
    assert row.failures == "it took more than 0.3 seconds"


def test_a_model_that_takes_too_much_memory_is_a_failed_row() -> None:
    """Torch's own words, or the limit."""
    row = _row(lambda: (nn.Linear(2**17, 2**17), torch.ones(1, 2)))
    assert row.status == "failed"
    assert "alloc" in row.failures
    assert "memory" in row.failures


def test_an_absent_library_is_a_skipped_row() -> None:
    """The reason names the library."""
    row = _row(lambda: (nn.ReLU(), torch.ones(1)), library="no_such_library")
    assert (row.status, row.failures) == ("skipped", "no_such_library is not installed")
