"""Workers from batch systems: what a job runs, and a whole run through a made-up SLURM."""

import functools
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.executors.dask_clusters import BATCH_SYSTEMS, _connected, batch_cluster
from lens_pipeline.pipeline.executors.dask_executor import open_dask
from lens_pipeline.pipeline.executors.registry import BATCH
from lens_pipeline.pipeline.sections.executor import ExecutorConfig
from tests.pipeline.toys import squaring

ROOT = Path(__file__).parents[3]

# Directives that the job script of each must have.
EXPECTED = {
    "slurm": ("#SBATCH -p gpu", "#SBATCH --cpus-per-task=4", "#SBATCH --mem=8G", "-t 01:30:00"),
    "pbs": ("#PBS -q gpu", "#PBS -l select=1:ncpus=4:mem=8000MB", "walltime=01:30:00"),
    "sge": ("#$ -q gpu", "#$ -l h_vmem=8000M", "h_rt=01:30:00"),
}

# A batch system of one machine: it runs the script at once and says the number of the job.
SBATCH = """#!/bin/sh
cp "$1" {folder}/script
setsid sh {folder}/script > {folder}/log 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
echo "$1" >> {folder}/cancelled
kill -- "-$1" 2> /dev/null || true
"""


def test_every_batch_system_is_an_executor() -> None:
    """The two lists agree."""
    assert set(BATCH_SYSTEMS) == set(BATCH)


@pytest.mark.parametrize("name", BATCH_SYSTEMS)
def test_a_job_script_has_what_was_asked_for(name: str) -> None:
    """Queue, cores, memory, time, lines of the user's own; one thread for a worker's tasks."""
    pytest.importorskip("dask_jobqueue")
    options = ExecutorConfig(
        name,
        cores=4,
        memory=8 * 10**9,
        walltime="01:30:00",
        queue="gpu",
        directives=("--account=lab",),
        prologue=("module load cuda",),
    )
    with batch_cluster(options) as cluster:
        script = cluster.job_script()
    for text in (*EXPECTED[name], "--account=lab", "module load cuda", "--nthreads 1"):
        assert text in script, script
    assert script.index("module load cuda") < script.index("dask_worker")


def test_a_whole_run_through_a_batch_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs are submitted, their workers do the tasks, and the jobs are cancelled at the end."""
    pytest.importorskip("dask_jobqueue")
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        command = tmp_path / name
        command.write_text(text.format(folder=tmp_path))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    options = ExecutorConfig("slurm", jobs=1, memory=10**9)
    with open_dask(options) as carry_out:
        setup = functools.partial(squaring, tmp_path)
        results = list(carry_out({"a": range(5)}, setup, report=lambda _n, _size: None))
    assert sorted(square for square, _ in results) == [0, 1, 4, 9, 16]
    assert os.getpid() not in {pid for _, pid in results}
    assert "#SBATCH" in (tmp_path / "script").read_text()
    assert (tmp_path / "cancelled").exists()


def test_without_dask_jobqueue_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an optional dependency."""
    monkeypatch.setitem(__import__("sys").modules, "dask_jobqueue", None)
    with pytest.raises(ConfigError, match=r"executor=pbs needs dask-jobqueue: pip install 'lens-p"):
        batch_cluster(ExecutorConfig("pbs"))


@pytest.mark.parametrize("name", BATCH_SYSTEMS)
def test_where_no_job_can_be_submitted_it_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, by the name of the command."""
    monkeypatch.setenv("PATH", str(tmp_path))
    said = rf"executor={name} needs (sbatch|qsub), which this machine does not have: give"
    with pytest.raises(ConfigError, match=said), open_dask(ExecutorConfig(name)):
        pass


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_for_a_connection_that_is_being_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection is closed, and then the interrupt goes on its way."""
    done: list[str] = []

    class Made:
        def __init__(self, *_: Any, **__: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            done.append("made")

        def __enter__(self) -> None:
            done.append("entered")

        def __exit__(self, *_: object) -> None:
            done.append("closed")

    monkeypatch.setattr("lens_pipeline.pipeline.executors.dask_clusters.Client", Made)
    with pytest.raises(KeyboardInterrupt), _connected("tcp://127.0.0.1:9"):
        pass
    assert done == ["made", "entered", "closed"]
