"""The runner: how much two Dask workers gain over one, and what a task costs beside its forward.

Run with `pytest tests/benchmarks/test_runner_speed.py -m benchmark -s` on a machine with two idle
cores.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import functools
import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import torch

from lens_pipeline.pipeline.executors.registry import EXECUTORS, unreported
from lens_pipeline.pipeline.sections.executor import ExecutorConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lens_pipeline.pipeline.executors.registry import Report, Work

pytestmark = pytest.mark.benchmark
ROUNDS = 3


@contextmanager
def _multiplying(_queue: str, *, size: int) -> Iterator[Work]:
    """Tasks of matrix products on one thread; of size 0, nothing."""
    torch.set_num_threads(1)
    square = torch.rand(max(1, size), max(1, size))

    def work(task: int, report: Report) -> int:
        for _ in range(20 if size else 0):
            torch.mm(square, square)
        report(1, 1)
        return task

    yield work


def _seconds(name: str, workers: int, *, n: int, size: int) -> float:
    setup = functools.partial(_multiplying, size=size)
    with EXECUTORS[name](ExecutorConfig(name, workers=workers)) as carry_out:
        list(carry_out({"warm": range(2 * workers)}, setup, report=unreported))
        started = time.perf_counter()
        assert len(list(carry_out({"a": range(n)}, setup, report=unreported))) == n
        return time.perf_counter() - started


def test_two_workers_are_nearly_twice_as_fast() -> None:
    """At least 1.7x, interleaved, the median of three rounds; workers are there already."""
    ratios = [
        _seconds("dask", 1, n=24, size=1000) / _seconds("dask", 2, n=24, size=1000)
        for _ in range(ROUNDS)
    ]
    print(f"\ntwo workers over one: {statistics.median(ratios):.2f}x")
    assert statistics.median(ratios) >= 1.7


@pytest.mark.parametrize("name", ["serial", "dask"])
def test_a_task_costs_little(name: str) -> None:
    """At most 20 ms for a task that does nothing, on one worker."""
    each = min(_seconds(name, 1, n=100, size=0) for _ in range(ROUNDS)) / 100
    print(f"\n{name}: {1000 * each:.2f} ms per task")
    assert each <= 0.02
