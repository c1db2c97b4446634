"""Workers from batch systems: what a job runs, and a whole run through a made-up SLURM."""

import functools
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lens_pipeline.errors import ConfigError, LensError
from lens_pipeline.pipeline.executors import dask_clusters
from lens_pipeline.pipeline.executors.dask_clusters import BATCH_SYSTEMS, _connected, batch_cluster
from lens_pipeline.pipeline.executors.dask_executor import open_dask
from lens_pipeline.pipeline.executors.registry import BATCH
from lens_pipeline.pipeline.sections.executor import ExecutorConfig
from tests.pipeline.test_cli import COMMAND, TINY
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


def _make_batch_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        command = folder / name
        command.write_text(text.format(folder=folder))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


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
    _make_batch_system(tmp_path, monkeypatch)
    options = ExecutorConfig("slurm", jobs=1, memory=10**9)
    with open_dask(options) as carry_out:
        setup = functools.partial(squaring, tmp_path)
        results = list(carry_out({"a": range(5)}, setup, report=lambda _n, _size: None))
    assert sorted(square for square, _ in results) == [0, 1, 4, 9, 16]
    assert os.getpid() not in {pid for _, pid in results}
    assert "#SBATCH" in (tmp_path / "script").read_text()
    assert (tmp_path / "cancelled").exists()


def test_an_interrupt_stays_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """dask-jobqueue, when it is imported, makes it the end of the process."""
    pytest.importorskip("dask_jobqueue")
    for name in [name for name in sys.modules if name.startswith("dask_jobqueue")]:
        monkeypatch.delitem(sys.modules, name)
    before = signal.getsignal(signal.SIGINT)
    with batch_cluster(ExecutorConfig("slurm", memory=10**9)):
        assert "dask_jobqueue.runner" in sys.modules
        assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_of_a_batch_system(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the sentence and the code of every interrupted run, and cancels its jobs."""
    pytest.importorskip("dask_jobqueue")
    _make_batch_system(study, monkeypatch)
    source = (study / "tiny_net.py").read_text()
    slow = source.replace("x = torch.relu", "time.sleep(0.4); x = torch.relu")
    (study / "tiny_net.py").write_text(f"import time\n{slow}")
    words = [*TINY, "run.folder=out", "layers=[conv]", "executor=slurm", "executor.memory=1GB"]
    with (
        (study / "told.txt").open("w") as screen,
        subprocess.Popen([*COMMAND, *words], stderr=screen, start_new_session=True) as run,
    ):
        while run.poll() is None and not list((study / "out" / "shards").glob("*.nc")):
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
    told = (study / "told.txt").read_text()
    assert run.returncode == 130, told
    assert "Interrupted: what is finished is kept, and the same command goes on" in told
    assert "Traceback" not in told
    assert (study / "cancelled").exists()


@pytest.mark.parametrize("n_deaths", [1, 2])
def test_workers_that_die_as_they_start(n_deaths: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are started once; then it is said in a sentence."""
    deaths = iter(range(n_deaths))
    real = dask_clusters.LocalCluster

    def start(**options: Any) -> Any:
        if next(deaths, None) is None:
            return real(**options)  # type: ignore[no-untyped-call]
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(dask_clusters, "LocalCluster", start)
    options = ExecutorConfig("dask", workers=1)
    if n_deaths == 1:
        with open_dask(options):
            return
    with pytest.raises(LensError, match=r"1 Dask workers did not start, .*: lower exec"):  # noqa: SIM117
        with open_dask(options):
            pass


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
