"""Out of memory, the batch is halved and the Task goes on."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

from lens_pipeline.digests import digest_file
from lens_pipeline.errors import BudgetError
from lens_pipeline.extraction import Destination, extract, load_example, probe
from lens_pipeline.models.loading import LoadedModel, load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.task import Runtime, Task

SPEC = ModelSpec("cornet", "cornet_z", "random", preprocessing=(("crop", 16), ("resize", 16)))


class Hungry(nn.Module):
    """Has memory for so many stimuli, from a certain call on."""

    def __init__(self, most: int, after: int = 0) -> None:
        super().__init__()
        self.most, self.after, self.calls = most, after, 0
        self.sizes: list[int] = []
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        self.calls += 1
        self.sizes.append(len(x))
        if len(x) > self.most and self.calls > self.after:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.conv(x)


def task_of(folder: Path, batch_size: int) -> Task:
    generator = np.random.default_rng(0)
    for number in range(10):
        pixels = generator.integers(0, 255, (20, 20, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    files = tuple(sorted(path.name for path in folder.glob("*.png")))
    return Task(
        model=SPEC,
        model_digests=(),
        root=folder,
        ids=tuple(Path(file).stem for file in files),
        files=files,
        file_digests=tuple(digest_file(folder / file) for file in files),
        selectors=("conv",),
        runtime=Runtime(batch_size=batch_size),
    )


def extracted(tmp_path: Path, module: Hungry, batch_size: int, told: list[int]) -> tuple:
    """The values and the root attributes of a shard."""
    task = task_of(tmp_path, batch_size)
    loaded = LoadedModel(**{**vars(load_model(SPEC)), "module": module.eval()})
    examples = torch.stack([load_example(task.root / f, loaded.transform) for f in task.files[:3]])
    most, module.most = module.most, 100
    structure = probe(loaded, task.selectors, examples=examples)
    module.most, module.calls, module.sizes = most, 0, []
    record = extract(
        task,
        loaded,
        structure,
        into=Destination(tmp_path / "shards", {}),
        on_batch=lambda n, _bytes: told.append(n),
    ).shard
    with h5py.File(record.path) as file:
        return file["conv/activation"][:, 0], dict(file.attrs)


@pytest.mark.parametrize("after", [0, 2])
def test_the_batch_is_halved_until_it_fits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, after: int
) -> None:
    """In the first batch or a later one; every row is of the size that the shard names."""
    told: list[int] = []
    torch.manual_seed(0)
    module = Hungry(2, after)
    with caplog.at_level(logging.WARNING):
        values, attrs = extracted(tmp_path, module, 4, told)
    assert attrs["batch_size"] == 2
    assert set(module.sizes) == {4, 2}
    assert "Out of memory with batches of 4 stimuli; going on with 2" in caplog.text
    assert sum(told) == 10
    assert (min(told) < 0) == (after > 0)
    inputs = [load_example(tmp_path / f"{n}.png", load_model(SPEC).transform) for n in range(10)]
    module.most = 100
    with torch.no_grad():
        plain = [module(torch.stack(inputs[n : n + 2])).numpy() for n in range(0, 10, 2)]
    np.testing.assert_array_equal(values, np.concatenate(plain))


def test_a_stimulus_that_does_not_fit_alone_is_an_error(tmp_path: Path) -> None:
    """Nothing is left, and the message says what to do."""
    with pytest.raises(BudgetError, match=r"cornet_z does not fit into the memory of cpu with a"):
        extracted(tmp_path, Hungry(0), 4, [])
    assert not list((tmp_path / "shards").glob("*.nc"))


def test_other_errors_are_not_tried_again(tmp_path: Path) -> None:
    """A model that fails fails once."""
    module = Hungry(2)
    module.register_forward_pre_hook(_refuse_four)
    with pytest.raises(Exception, match="no fours"):
        extracted(tmp_path, module, 4, [])


def _refuse_four(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
    if len(args[0]) == 4:
        raise RuntimeError("no fours")


LIMITED = """
import resource, sys
from pathlib import Path
import torch
sys.path.insert(0, {root!r})
from tests.extraction.test_extract_memory import Hungry, extracted
module = Hungry(100)
module.conv = torch.nn.Conv2d(3, 60000, 3)
used = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + 900_000_000, -1))
values, attrs = extracted(Path({folder!r}), module, 8, [])
print(values.shape, attrs["batch_size"])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
def test_a_process_with_little_memory_finishes(tmp_path: Path) -> None:
    """The allocator itself says no: 47 MB of output for each stimulus, and 900 MB for it all."""
    script = LIMITED.format(root=str(Path(__file__).parents[2]), folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    shape, _, size = done.stdout.strip().rpartition(" ")
    assert shape == "(10, 60000, 14, 14)"
    assert int(size) < 8
