"""Running tasks: shards by key, whoever makes them and whoever dies."""

import os
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from lens_pipeline.pipeline.job import run_job
from lens_pipeline.pipeline.run import torch_threads

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
    import h5py

    from lens_pipeline.pipeline.record import read_record

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
