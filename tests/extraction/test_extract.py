"""A Task becomes a shard with the values of a plain forward pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import PIL.Image
import pytest
import torch

from lens_pipeline.digests import digest_file
from lens_pipeline.errors import StimulusError, TraceError
from lens_pipeline.extraction import Destination, Structure, extract, load_example, probe
from lens_pipeline.models.loading import LoadedModel, load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.task import Runtime, Task, task_key
from tests import zoo

SPEC = ModelSpec("cornet", "cornet_s", "random", preprocessing=(("crop", 64), ("resize", 64)))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven images of noise."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for number in range(7):
        pixels = generator.integers(0, 255, (70, 80, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"image_{number}.png")
    return folder


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load_model(SPEC)


def task_for(images: Path, selectors: tuple[str, ...], batch_size: int) -> Task:
    files = tuple(sorted(path.name for path in images.glob("*.png")))
    return Task(
        model=SPEC,
        model_digests=(),
        root=images,
        ids=tuple(Path(file).stem for file in files),
        files=files,
        file_digests=tuple(digest_file(images / file) for file in files),
        selectors=selectors,
        runtime=Runtime(batch_size=batch_size),
    )


def structure_for(loaded: LoadedModel, task: Task) -> Structure:
    examples = torch.stack(
        [load_example(task.root / file, loaded.transform) for file in task.files[:3]]
    )
    return probe(loaded, task.selectors, task.postfunctions, examples=examples)


def hooked(loaded: LoadedModel, task: Task, address: str) -> list[np.ndarray]:
    """What a plain hook sees of each call of a module, in batches of three, the last filled up."""
    seen: list[list[np.ndarray]] = []
    module = loaded.module.get_submodule(address)
    inputs = [load_example(task.root / file, loaded.transform) for file in task.files]
    for batch in (inputs[:3], inputs[3:6], [inputs[6]] * 3):
        seen.append([])
        handle = module.register_forward_hook(lambda _m, _a, out: seen[-1].append(out.numpy()))
        with torch.no_grad():
            loaded.module(torch.stack(batch))
        handle.remove()
    return [np.concatenate(calls)[:7] for calls in zip(*seen, strict=True)]


def test_shard_holds_what_plain_hooks_see(
    images: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    """Every pass of every layer, over a last batch that is smaller, equals a forward hook."""
    task = task_for(images, ("V4.output", "V4.conv1"), batch_size=3)
    done: list[int] = []
    record = extract(
        task,
        loaded,
        structure_for(loaded, task),
        into=Destination(tmp_path, {"stand_in": ""}),
        on_batch=lambda n, _bytes: done.append(n),
    ).shard
    assert done == [3, 3, 1]
    assert record.stimulus_ids == task.ids
    assert record.key == task_key(task)
    output, conv = hooked(loaded, task, "V4.output"), hooked(loaded, task, "V4.conv1")
    with h5py.File(record.path) as file:
        np.testing.assert_array_equal(file["V4.output/activation"][:], np.stack(output, axis=1))
        np.testing.assert_array_equal(file["V4.conv1/run_1/activation"][:, 0], conv[0])
        assert file["V4.conv1/run_2/activation"].shape == (7, 3, 1024, 4, 4)


def test_bytes_are_told_as_they_are_stored(
    images: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    """Two a value where values become int16, so that what is done comes to what was planned."""
    task = replace(task_for(images, ("IT.output",), batch_size=3), dtype="int16-scaled")
    examples = torch.rand(3, 3, 64, 64)
    packed = probe(loaded, task.selectors, examples=examples, dtype=task.dtype)
    told: list[int] = []
    extract(
        task,
        loaded,
        packed,
        into=Destination(tmp_path, {}),
        on_batch=lambda _n, n_bytes: told.append(n_bytes),
    )
    assert told == [n * packed.bytes_per_stimulus for n in (3, 3, 1)]


def test_batch_size_changes_no_more_than_the_last_bits(
    images: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    """Batches of two and of seven give the same values under one key, up to rounding."""
    values = []
    for size in (2, 7):
        task = task_for(images, ("IT.output",), batch_size=size)
        structure = structure_for(loaded, task)
        record = extract(task, loaded, structure, into=Destination(tmp_path / str(size), {})).shard
        with h5py.File(record.path) as file:
            values.append(file["IT.output/activation"][:])
    np.testing.assert_allclose(*values, rtol=0, atol=1e-5 * np.abs(values[0]).max())


def test_batch_with_another_graph_is_refused_and_leaves_nothing(
    images: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    """A model that takes another branch on a later batch is named with the stimulus."""
    task = task_for(images, ("all",), batch_size=3)
    model = LoadedModel(**{**vars(loaded), "module": _SecondBatchDiffers()})
    with pytest.raises(
        TraceError,
        match=r"The 3 stimuli from 'image_3' on got another graph .* computed cos where sin_1_1",
    ):
        extract(task, model, structure_for(model, task), into=Destination(tmp_path, {}))
    assert not list(tmp_path.glob("*.nc"))


def test_undecodable_file_is_named_and_leaves_nothing(
    images: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    """A broken image in the middle stops the Task with its path."""
    task = task_for(images, ("V1.output",), batch_size=2)
    structure = structure_for(loaded, task)
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in task.files:
        data = (images / file).read_bytes()
        (broken / file).write_bytes(data[:50] if file == "image_4.png" else data)
    with pytest.raises(StimulusError, match=r"image_4\.png"):
        extract(
            Task(**{**vars(task), "root": broken}),
            loaded,
            structure,
            into=Destination(tmp_path, {}),
        )
    assert not list(tmp_path.glob("*.nc"))


def test_rows_outlive_state_that_the_next_batch_overwrites(
    images: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    """A model that hands out its own buffer: each row is what it was when it was handed out."""
    task = task_for(images, ("remember",), batch_size=1)
    model = LoadedModel(**{**vars(loaded), "module": _Remembers()})
    extracted = extract(task, model, structure_for(model, task), into=Destination(tmp_path, {}))
    expected = [load_example(task.root / file, loaded.transform) for file in task.files]
    with h5py.File(extracted.shard.path) as file:
        np.testing.assert_array_equal(file["remember/activation"][:, 0], np.stack(expected))
    spent = extracted.seconds
    assert min(spent.decoding, spent.computing, spent.writing) > 0


class _Remembers(torch.nn.Module):
    """Returns a buffer that each call overwrites, as a state-space model in streaming does."""

    def __init__(self) -> None:
        super().__init__()
        self.remember = _Buffer()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.remember(x) + 0


class _Buffer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.zeros(8, 3, 256, 256))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.state[: len(x), :, : x.shape[2], : x.shape[3]] = x
        return self.state[: len(x), :, : x.shape[2], : x.shape[3]]


class _SecondBatchDiffers(zoo.DataDependent):
    """Four calls of three or fewer stimuli (the probe and one batch) compute the same."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return torch.sin(x) if self.calls <= 4 else torch.cos(x)
