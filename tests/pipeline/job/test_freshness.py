"""What is noticed to have changed, one thing at a time, and what is not a change."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.freshness import changes
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.job.record import Record, read_record


@pytest.fixture
def finished(study: Path, plain: dict[str, Any]) -> Record:
    """The record of a finished run in out/."""
    record = read_record(run_job(plain))
    assert record
    return record


def test_nothing_has_changed(finished: Record, study: Path) -> None:
    """Also when files were touched: their content decides."""
    assert changes(finished, study / "out") == ()
    for path in (study / "images").iterdir():
        os.utime(path, (1, 1))
    assert changes(finished, study / "out") == ()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda study: (study / "images/image2.png").unlink(), "image2.png is gone"),
        (
            lambda study: (study / "images/image2.png").write_bytes(
                (study / "images/image1.png").read_bytes()
            ),
            "image2.png has other content",
        ),
        (lambda study: (study / "out/rdms.nc").unlink(), "rdms.nc is gone"),
        (lambda study: (study / "out/scores.csv").write_text("x"), "scores.csv has another size"),
        (
            lambda study: (study / "images/new.png").write_bytes(
                (study / "images/image1.png").read_bytes()
            ),
            "the stimuli of folder are others",
        ),
        (lambda study: (study / "tiny_net.py").write_text(""), "tiny_net.py has other content"),
    ],
)
def test_a_change_on_disk_is_told(
    finished: Record, study: Path, act: Callable[[Path], object], said: str
) -> None:
    """Each change is named with its file."""
    act(study)
    assert [change for change in changes(finished, study / "out") if said in change]


def test_a_shard_without_its_seal_is_told(finished: Record, study: Path) -> None:
    """It has its size, and the run would take it as it is where `status` counts it as missing."""
    shard = next((study / "out/shards").glob("*.nc"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    assert changes(finished, study / "out") == (f"{shard} is damaged",)


def test_other_settings_are_told(finished: Record, study: Path, plain: dict[str, Any]) -> None:
    """With both values; where and how fast is no change."""
    plain["executor"] = {"name": "dask"}
    assert changes(finished, study / "out", config=read_config(plain)) == ()
    plain["model"]["seed"] = 3
    (change,) = changes(finished, study / "out", config=read_config(plain))
    assert change == "model.seed was 0 and is 3"


def test_other_versions_and_places_are_told(
    finished: Record, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer torch, or another folder of weights, may give other values."""
    older = dataclasses.replace(finished, versions={**finished.versions, "torch": "1.0"})
    assert changes(older, study / "out")[0].startswith("torch was 1.0 and is ")
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    assert changes(finished, study / "out") == ("HF_HOME was None and is /elsewhere",)


def test_what_was_missing_and_appears_is_told(finished: Record, study: Path) -> None:
    """Published weights that arrive end the stand-in."""
    waiting = dataclasses.replace(finished, missing=(str(study / "weights.pth"),))
    assert changes(waiting, study / "out") == ()
    (study / "weights.pth").touch()
    assert changes(waiting, study / "out") == (f"{study}/weights.pth has appeared",)


def test_many_changes_are_counted(finished: Record, study: Path) -> None:
    """A deleted folder is not told file by file."""
    for path in (study / "images").iterdir():
        path.unlink()
    assert changes(finished, study / "out")[-1] == "and 1 more"
