"""Running tasks: shards by key, whoever makes them and whoever dies."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch
import xarray as xr

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job import run_job
from lens_pipeline.pipeline.record import read_record
from lens_pipeline.pipeline.run import Done, torch_threads, total_seconds
from tests.pipeline.test_cli import COMMAND, TINY

DEADLY = """
import os, signal
from pathlib import Path

class Deadly(Tiny):
    def forward(self, x):
        deadly = Path("deadly")
        if deadly.exists() and deadly.read_text() != str(os.getpid()):
            deadly.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)

def deadly_net():
    torch.manual_seed(0)
    return Deadly()
"""


# Has memory for one stimulus at a time, and notes how many it was given.
HUNGRY = """
class Hungry(Tiny):
    def forward(self, x):
        with open("sizes", "a") as file:
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
    study: Path, plain: dict[str, Any], executor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later tasks of a worker begin with the batch that fitted; every shard says which it was."""
    with (study / "tiny_net.py").open("a") as file:
        file.write(HUNGRY)
    plain["model"]["target"] = "tiny_net:hungry_net"
    plain |= {"runtime": {"batch_size": 2, "certify": False}, "executor": {"name": executor}}
    # three tasks of two stimuli
    plain["run"]["shard_megabytes"] = 0.009
    calm = run_job({**plain, "runtime": {**plain["runtime"], "batch_size": 1}})
