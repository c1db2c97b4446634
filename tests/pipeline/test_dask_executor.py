"""Dask workers that die, schedulers that are not there or already are."""

import functools
from pathlib import Path

import pytest
from distributed import LocalCluster

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.config import ExecutorConfig
from lens_pipeline.pipeline.dask_executor import run_on_dask
from tests.pipeline.toys import squaring


def nothing(_stimuli: int, _size: int) -> None:
    """Report to nobody."""


def test_a_worker_killed_in_mid_task_is_replaced(tmp_path: Path) -> None:
    """Its task is done again, and the results are as if nothing had happened."""
    results = run_on_dask(
        range(6),
        functools.partial(squaring, tmp_path, deadly=2),
        options=ExecutorConfig("dask", workers=2),
        report=nothing,
    )
    assert sorted(square for square, _ in results) == [0, 1, 4, 9, 16, 25]
    assert (tmp_path / "died").exists()


def test_a_running_scheduler_is_used_and_left_running(tmp_path: Path) -> None:
    """executor.address reaches a cluster that others started; twice, with another setup."""
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address="127.0.0.1:0"
    ) as cluster:
        options = ExecutorConfig("dask", address=cluster.scheduler_address)
        for _ in range(2):
            setup = functools.partial(squaring, tmp_path)
            results = run_on_dask(range(3), setup, options=options, report=nothing)
            assert sorted(square for square, _ in results) == [0, 1, 4]


def test_no_scheduler_at_the_address_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the address and the way out."""
    monkeypatch.setattr("lens_pipeline.pipeline.dask_executor._PATIENCE", 0.5)
    options = ExecutorConfig("dask", address="tcp://127.0.0.1:9")
    setup = functools.partial(squaring, tmp_path)
    with pytest.raises(LensError, match=r"No Dask scheduler answers at executor.address=tcp://127"):
        list(run_on_dask([1], setup, options=options, report=nothing))
