"""Decoding, computing and writing together, over the slowest of the three alone.

Where the three need more processor time than the cores have in that while, what the cores can do is
the limit instead.

Run with `pytest tests/benchmarks/test_overlap_speed.py -m benchmark -s` on a machine with two idle
cores.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import contextlib
import os
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import pytest
import torch

from lens_pipeline.digests import digest_file
from lens_pipeline.extraction import Destination, extract, load_example, probe
from lens_pipeline.extraction.batches import batches, loader
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.runtime.passes import forward_passes
from lens_pipeline.store.shards import open_shard
from lens_pipeline.task import Runtime, Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lens_pipeline.extraction.probe import Structure
    from lens_pipeline.models.loading import LoadedModel

pytestmark = pytest.mark.benchmark
ROUNDS, IMAGES, BATCH = 5, 96, 16
# what is slowest -> model, layers, pixels on an image's side
CASES = {
    "computing": ("resnet50", ("layer1", "layer2", "layer3", "layer4", "avgpool"), 500),
    "decoding": ("alexnet", ("features.12", "classifier.5"), 1600),
}


@dataclass(frozen=True)
class _Study:
    """A task and what its three stages alone need."""

    task: Task
    loaded: LoadedModel
    structure: Structure
    inputs: list[torch.Tensor]
    folder: Path

    def decoding(self) -> None:
        paths = (self.task.root / file for file in self.task.files)
        files = list(zip(paths, self.task.file_digests, strict=True))
        with contextlib.closing(batches(files, loader(self.loaded), batch_size=BATCH)) as made:
            assert sum(len(inputs) for _, inputs in made) == IMAGES

    def computing(self) -> None:
        wiring = self.structure.wiring
        with forward_passes(self.loaded.module, wiring, self.task.runtime) as forward:
            for inputs in self.inputs:
                forward(inputs)

    def writing(self) -> None:
        layers = self.structure.layers
        rows = {
            (spec.name, spec.run): np.ones((BATCH, len(spec.passes), *spec.shape), spec.dtype)
            for spec in layers
        }
        ids = self.task.ids
        path = self.folder / "alone.nc"
        with open_shard(path, layers=layers, stimulus_ids=ids, attrs={}, compression="none") as one:
            for start in range(0, IMAGES, BATCH):
                one.write(start, rows)

    def together(self) -> None:
        extract(self.task, self.loaded, self.structure, into=Destination(self.folder, {}))


def _photographs(folder: Path, side: int) -> tuple[str, ...]:
    """Write pictures that take as long to decode as photographs of their size."""
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 255, (IMAGES, side // 4, side // 4, 3), dtype=np.uint8)
    for n, pixels in enumerate(coarse):
        image = PIL.Image.fromarray(pixels).resize((side, side))
        image.save(folder / f"{n:02d}.jpg", quality=90)
    return tuple(f"{n:02d}.jpg" for n in range(IMAGES))


def _study(folder: Path, kind: str) -> _Study:
    name, layers, side = CASES[kind]
    files = _photographs(folder, side)
    spec = ModelSpec("torchvision", name, "random")
    loaded = load_model(spec)
    runtime = Runtime(batch_size=BATCH)
    digests = tuple(digest_file(folder / file) for file in files)
    task = Task(
        spec, (), folder, files, files, digests, layers, runtime=runtime, compression="none"
    )
    inputs = [load_example(folder / file, loaded.transform) for file in files]
    structure = probe(loaded, layers, examples=torch.stack(inputs[:3]))
    stacked = [torch.stack(inputs[at : at + BATCH]) for at in range(0, IMAGES, BATCH)]
    return _Study(task, loaded, structure, stacked, folder)


def _seconds(action: Callable[[], Any]) -> tuple[float, float]:
    """Return how long an action takes, and the processor time of all its threads."""
    start, used = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - start, time.process_time() - used


@pytest.mark.parametrize("slowest", CASES)
def test_together_they_take_little_longer_than_the_slowest(tmp_path: Path, slowest: str) -> None:
    """At least 0.9 of the rate of the slowest stage, or of what the cores can do."""
    torch.set_num_threads(1)
    study = _study(tmp_path, slowest)
    alone = (study.decoding, study.computing, study.writing)
    times: dict[str, list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        for stage in (*alone, study.together):
            times.setdefault(stage.__name__, []).append(_seconds(stage))
    found = {
        name: tuple(statistics.median(each) for each in zip(*measured, strict=True))
        for name, measured in times.items()
    }
    together, _ = found.pop("together")
    cores = sum(used for _, used in found.values()) / (os.cpu_count() or 1)
    longest = max(wall for wall, _ in found.values())
    limit = max(longest, cores)
    each = ", ".join(f"{name} {wall:.2f} s" for name, (wall, _) in found.items())
    print(
        f"\n{slowest} slowest: {each}; cores {cores:.2f} s; together {together:.2f} s: "
        f"{longest / together:.2f} of the slowest's rate, {limit / together:.2f} of the limit"
    )
    assert found[slowest][0] == longest
    assert limit / together >= 0.9
