"""Running tasks: shards by key, whoever makes them and whoever dies."""

import dataclasses
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch
import xarray as xr

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.inputs import find_inputs
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.job.probing import plan_run
from lens_pipeline.pipeline.job.record import read_record
from lens_pipeline.pipeline.job.run import (
    Done,
    extracting,
    orders_for,
    run_tasks,
    torch_threads,
    total_seconds,
)
from tests.pipeline.test_cli import COMMAND, TINY

DEADLY = """
import os, signal
from pathlib import Path

class Deadly(Tiny):
    def forward(self, x):
        if self.takes("deadly"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)

    def takes(self, name):
        # of several processes that find the file, one can delete it
        try:
            if Path(name).read_text() == str(os.getpid()):
                return False
            Path(name).unlink()
        except FileNotFoundError:
            return False
        return True

def deadly_net():
    torch.manual_seed(0)
    return Deadly()
"""


# Has memory for one stimulus at a time once it is hungry, and notes how many it was given.
HUNGRY = """
class Hungry(Tiny):
    def forward(self, x):
        if os.path.exists("hungry"):
            with open("hungry", "a") as file:
                file.write(f"{len(x)} ")
            if len(x) > 1:
                raise MemoryError
        return super().forward(x)

def hungry_net():
    torch.manual_seed(0)
    return Hungry()
"""


def test_a_killed_worker_leaves_the_same_store(study: Path, plain: dict[str, Any]) -> None:
    """A worker that dies in mid-task is replaced, and nothing of it shows in the results."""
    with (study / "tiny_net.py").open("a") as file:
        file.write(DEADLY)
    plain["model"]["target"] = "tiny_net:deadly_net"
    calm = run_job(plain)
    plain["run"] = {"folder": "struck", "shard_megabytes": 0.005}
    plain["executor"] = {"name": "dask", "workers": 2}
    # the model is probed in this process, which is spared
    (study / "deadly").write_text(str(os.getpid()))
    struck = run_job(plain)
    assert not (study / "deadly").exists()
    with (
        xr.open_datatree(calm / "activations.nc") as first,
        xr.open_datatree(struck / "activations.nc") as second,
    ):
        assert first.identical(second)
    assert not list(struck.rglob("*.part"))


def test_a_worker_with_other_versions_is_named(study: Path, plain: dict[str, Any]) -> None:
    """Before it computes anything: its shards would have keys that nobody looks for."""
    config = read_config(plain)
    plan, probed = plan_run(config, find_inputs(config), folder=study / "out", earlier=None)
    assert probed
    orders = orders_for(plan, probed.structure, attrs={})
    with extracting({"tiny": orders}, "tiny"):
        pass
    orders = dataclasses.replace(orders, versions={**orders.versions, "torch": "1.0"})
    said = rf"worker {os.getpid()} on .* has torch {torch.__version__.split('+')[0]}.* the run has"
    with (
        pytest.raises(LensError, match=said),
        extracting({"tiny": orders}, "tiny"),
    ):
        pass


def test_threads_are_set_back() -> None:
    """A run in somebody's process does not change how their torch works afterwards."""
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_the_plan_is_exact_for_bytes(study: Path, plain: dict[str, Any]) -> None:
    """What is announced is what the variables of all shards hold, to the byte."""
    for layers, chain in ((["all"], []), (["conv"], ["spatial_mean", "dtype:float64"])):
        folder = run_job({**plain, "layers": layers, "postfunction": chain})
        record = read_record(folder)
        assert record
        written: list[int] = []

        def add(name: str, item: Any, written: list[int] = written) -> None:
            if name.endswith("/activation"):
                written.append(item.size * item.dtype.itemsize)

        for path in (folder / "shards").glob("*.nc"):
            with h5py.File(path) as file:
                file.visititems(add)
        assert sum(written) == 6 * record.structure["bytes_per_stimulus"]


@pytest.mark.parametrize("executor", ["serial", "dask"])
def test_what_fits_into_memory_is_found_out_once(
    study: Path, plain: dict[str, Any], executor: str
) -> None:
    """Later tasks of a worker begin with the batch that fitted; every shard says which it was."""
    source = (study / "tiny_net.py").read_text()
    (study / "tiny_net.py").write_text(f"import os\n{source}{HUNGRY}")
    plain["model"]["target"] = "tiny_net:hungry_net"
    plain |= {"runtime": {"batch_size": 2}, "executor": {"name": executor, "workers": 1}}
    # three tasks of two stimuli
    plain |= {"layers": ["conv"], "run": {"shard_megabytes": 0.009}}
    config = read_config(plain)
    plan, probed = plan_run(config, find_inputs(config), folder=study / "out", earlier=None)
    assert probed
    (study / "hungry").touch()
    run_tasks(plan, probed, attrs={})
    assert (study / "hungry").read_text().split() == ["2", *"111111"]
    shards = list((study / "out" / "shards").glob("*.nc"))
    assert len(shards) == 3
    for path in shards:
        with h5py.File(path) as file:
            assert file.attrs["batch_size"] == 1


def test_a_jobs_seconds_are_from_its_first_task_to_its_last() -> None:
    """Not the time before or after, in which workers were at other jobs; nothing for no tasks."""
    done = [
        Done("b", {"computing": 3.0, "writing": 1.0}, began=104.0, ended=109.0),
        Done("a", {"computing": 2.0}, began=101.0, ended=106.0),
    ]
    assert total_seconds(done) == {
        "activations": 8.0,
        "tasks, computing": 5.0,
        "tasks, writing": 1.0,
    }
    assert total_seconds([]) == {"activations": 0.0}


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_dask_run_goes_on(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C reaches the workers too; what they finished is kept, the rest is done by others."""
    slow = "import time\n" + (study / "tiny_net.py").read_text().replace(
        "x = torch.relu", "time.sleep(0.4); x = torch.relu"
    )
    (study / "tiny_net.py").write_text(slow)
    words = [*TINY, "run.folder=out", "layers=[conv]", "executor=dask", "executor.workers=1"]
    told = study / "told.txt"
    # a file, since workers hold a pipe open until they have noticed; a group of its own to signal
    with (
        told.open("w") as screen,
        subprocess.Popen([*COMMAND, *words], stderr=screen, start_new_session=True) as run,
    ):
        shards = study / "out" / "shards"
        while run.poll() is None and len(list(shards.glob("*.nc"))) < 2:
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGINT)
    assert run.returncode == 130, told.read_text()
    assert "the same command goes on from there" in told.read_text()
    assert "Traceback" not in told.read_text()
    kept = {path.name: path.stat().st_mtime_ns for path in (study / "out/shards").glob("*.nc")}
    assert 2 <= len(kept) < 6
    assert main(words) == 0
    assert f"{len(kept)} of them finished before" in capsys.readouterr().err
    after = {path.name: path.stat().st_mtime_ns for path in (study / "out/shards").glob("*.nc")}
    assert kept.items() <= after.items()
    assert len(after) == 6
