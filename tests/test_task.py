"""A Task's key: what changes it and what does not."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest

from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.task import Runtime, Task, task_key, versions

TASK = Task(
    model=ModelSpec("torchvision", "resnet18", "/weights/a.pth"),
    model_digests=(("weights", "d1"),),
    root=Path("/stimuli"),
    ids=("a", "b"),
    files=("a.png", "b.png"),
    file_digests=("f1", "f2"),
    selectors=("layer4",),
    postfunctions=("spatial_mean",),
)

CHANGES = {
    "weights": {"model_digests": (("weights", "d2"),)},
    "image": {"file_digests": ("f1", "f3")},
    "id": {"ids": ("a", "c")},
    "selector": {"selectors": ("layer3",)},
    "postfunction": {"postfunctions": ("spatial_max",)},
    "source of a postfunction": {"postfunction_digests": (("my.mod:f", "d"),)},
    "name": {"model": dataclasses.replace(TASK.model, name="resnet34")},
    "numbers on disk": {"dtype": "int16-scaled"},
    "seed": {"model": dataclasses.replace(TASK.model, seed=1)},
    "transform": {"model": dataclasses.replace(TASK.model, preprocessing=(("crop", 64),))},
    "threads": {"runtime": Runtime(threads=2)},
    "device": {"runtime": Runtime(device="cuda")},
    "mode": {"runtime": Runtime(mode="fast")},
}


def test_timm_counts_where_models_may_be_made_of_it() -> None:
    """To install it makes no result of another source stale."""
    sources = ("timm", "target", "cornet", "torchvision")
    assert [source for source in sources if "timm" in versions(source)] == ["timm", "target"]


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_the_result_changes_the_key(what: str) -> None:
    """Nothing that changes a value is served from an old result."""
    assert task_key(dataclasses.replace(TASK, **CHANGES[what])) != task_key(TASK)


def test_weights_without_a_file_are_told_apart_by_their_name() -> None:
    """Where no digest stands for them, what was asked for does."""
    bare = dataclasses.replace(TASK, model_digests=())
    other = dataclasses.replace(bare, model=dataclasses.replace(TASK.model, weights="random"))
    assert task_key(bare) != task_key(other)


SAME = {
    "folder of the stimuli": {"root": Path("/elsewhere")},
    "path of the weights": {"model": dataclasses.replace(TASK.model, weights="/other/a.pth")},
    "batch size": {"runtime": Runtime(batch_size=8)},
    "certificate": {"runtime": Runtime(certify=False)},
    "compiling, in the exact mode": {"runtime": Runtime(compile=True, fidelity=0.9)},
}


@pytest.mark.parametrize("what", SAME)
def test_what_only_changes_where_or_how_fast_keeps_the_key(what: str) -> None:
    """Moving files or changing the batch size recomputes nothing."""
    assert task_key(dataclasses.replace(TASK, **SAME[what])) == task_key(TASK)


def test_what_the_fast_mode_depends_on_changes_its_key() -> None:
    """Compiling changes bits, and the fidelity which layers are exact."""
    runtimes = [Runtime(mode="fast", **changed) for changed in ({}, {"compile": True})]
    runtimes.append(Runtime(mode="fast", fidelity=0.9))
    keys = {task_key(dataclasses.replace(TASK, runtime=runtime)) for runtime in runtimes}
    assert len(keys) == 3


def test_task_travels() -> None:
    """A Task goes through a scheduler and comes out equal."""
    assert pickle.loads(pickle.dumps(TASK)) == TASK
