"""Slices, bytes and the disk budget."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.inputs import find_inputs
from lens_pipeline.pipeline.job.plan import (
    Outline,
    Plan,
    describe,
    make_plan,
    outline_from_json,
    outline_to_json,
    pooled_bytes,
    rdm_bytes,
    slice_size,
    stimulus_bytes,
)
from lens_pipeline.pipeline.memory import Need
from lens_pipeline.store.schema import LayerSpec

MAPS = LayerSpec("conv", None, (1,), ("channel", "row", "col"), (4, 16, 16), "float32")
UNITS = LayerSpec("cell", None, (1, 2, 3), ("feature",), (4,), "float32")
OUTLINE = Outline(
    selectors=("conv", "cell"),
    layers=(MAPS, UNITS),
    skipped=(("loss", "it does not depend on the stimuli"),),
    bytes_per_stimulus=4096 + 48,
    seconds_per_stimulus=0.5,
    parameter_bytes=1000,
    need=Need(10_000_000, ((1000, 0), (10, 5000))),
    weights_digest="w",
    preprocessing={"crop": None},
    digest="d",
    gaps=(),
)


@pytest.fixture
def plan(study: Path, plain: dict[str, Any]) -> Plan:
    """Six stimuli, two layers, one stimulus a shard."""
    config = read_config(plain)
    return make_plan(config, find_inputs(config), outline=OUTLINE, folder=study / "out")


def test_an_outline_survives_a_record() -> None:
    """JSON and back is the same outline."""
    assert outline_from_json(outline_to_json(OUTLINE)) == OUTLINE


@pytest.mark.parametrize(
    ("n", "size", "megabytes", "expected"),
    [
        (26107, 2_600_000, 256, 98),
        (48, 1000, 256, 16),
        (1000, 1000, 256, 125),
        (10, 10**9, 256, 1),
        (10, 0, 256, 16),
    ],
)
def test_slice_sizes(n: int, size: int, megabytes: float, expected: int) -> None:
    """As many as fit, at most an eighth or 16, at least one."""
    assert slice_size(n, size, megabytes=megabytes) == expected


def test_slices_cover_every_stimulus_once(plan: Plan) -> None:
    """In order, without gap or overlap, each with a key of its own."""
    assert [(part.start, part.stop) for part in plan.slices] == [(n, n + 1) for n in range(6)]
    assert [one for task in plan.tasks for one in task.ids] == list(plan.inputs.stimuli.ids)
    assert len({part.key for part in plan.slices}) == 6


def test_keys_do_not_depend_on_executor_or_batches(plan: Plan) -> None:
    """A run may be finished by another executor."""
    config = plan.config
    other = dataclasses.replace(
        config,
        runtime=dataclasses.replace(config.runtime, batch_size=1),
        executor=dataclasses.replace(config.executor, name="dask", workers=7),
    )
    again = make_plan(other, plan.inputs, outline=OUTLINE, folder=Path("elsewhere"))
    assert again.slices == plan.slices


def test_bytes_on_disk(plan: Plan) -> None:
    """Shapes times item size; RDMs are float32 squares; pooling leaves channels."""
    assert stimulus_bytes(MAPS) + stimulus_bytes(UNITS) == OUTLINE.bytes_per_stimulus
    assert rdm_bytes(plan) == 4 * 4 * 6 * 6
    stimuli = dataclasses.replace(plan.inputs.stimuli, labels={"concept": ("a", "a", "b") * 2})
    inputs = dataclasses.replace(plan.inputs, stimuli=stimuli)
    rsa = dataclasses.replace(plan.config.rsa, average="concept")
    config = dataclasses.replace(plan.config, rsa=rsa)
    assert rdm_bytes(dataclasses.replace(plan, inputs=inputs, config=config)) == 4 * 4 * 2 * 2
    assert (pooled_bytes(MAPS), pooled_bytes(UNITS)) == (16, 48)


def test_a_plan_tells_what_is_left_out(plan: Plan) -> None:
    """A layer that cannot be kept is named with the reason."""
    assert "left out loss: it does not depend on the stimuli" in describe(plan)
