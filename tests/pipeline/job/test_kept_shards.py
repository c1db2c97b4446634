"""Shards that an earlier process left."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.extraction import fast_layers
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.job.record import SHARDS
from lens_pipeline.pipeline.sweep.run import read_jobs, run_sweep
from lens_pipeline.rsa.rdm_files import read_rdms
from lens_pipeline.store.shards import verify_shard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _flip(path: Path) -> None:
    """Alter one byte among the values, and keep size and date."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0x40]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


@pytest.mark.parametrize("harm", [_flip, _cut])
@pytest.mark.parametrize("lost", ["rdms.nc", "record.json"])
def test_a_harmed_shard_is_never_analysed(
    study: Path,
    plain: dict[str, Any],
    harm: Callable[[Path], None],
    lost: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where the analysis is to be made again, its shard is too, and nothing differs in the end."""
    folder = run_job(plain)
    kept = {path: path.read_bytes() for path in (folder / "shards").glob("*.nc")}
    rdms, scores = read_rdms(folder).rdms.dissimilarities, (folder / "layers.csv").read_bytes()
    harmed = sorted(kept)[2]
    harm(harmed)
    (folder / lost).unlink()
    with caplog.at_level(logging.INFO, "lens_pipeline"):
        run_job(plain)
    assert f"not as it was written, so made again: {harmed}\n" in caplog.text
    again = {path: path.read_bytes() for path in (folder / "shards").glob("*.nc")}
    assert again.keys() == kept.keys()
    assert {path for path in kept if again[path] != kept[path]} <= {harmed}
    verify_shard(harmed)
    np.testing.assert_array_equal(read_rdms(folder).rdms.dissimilarities, rdms)
    assert (folder / "layers.csv").read_bytes() == scores


def test_a_sweep_analyses_no_harmed_shard_either(study: Path, plain: dict[str, Any]) -> None:
    """Whether all of a job's shards were thought to be there or some."""
    jobs = read_jobs([("model.seed=0", plain)])
    assert run_sweep(jobs)
    (record,) = (study / "out").glob("*/record.json")
    folder = record.parent
    rdms = read_rdms(folder).rdms.dissimilarities
    for n_gone in (0, 1):
        harmed, *others = sorted((folder / "shards").glob("*.nc"))
        _flip(harmed)
        (folder / "rdms.nc").unlink()
        for path in others[:n_gone]:
            path.unlink()
        assert run_sweep(jobs)
        verify_shard(harmed)
        np.testing.assert_array_equal(read_rdms(folder).rdms.dissimilarities, rdms)


def test_a_fast_run_goes_on_in_the_arithmetic_it_began_in(
    study: Path, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine with bfloat16 does not fill up what one without it has left."""
    plain["runtime"] = {"mode": "fast", "fidelity": 1e-6}
    monkeypatch.setattr(fast_layers, "has_bfloat16", lambda _: False)
    folder = run_job(plain)
    shards = sorted((folder / SHARDS).glob("*.nc"))
    shards[0].unlink()
    (folder / "rdms.nc").unlink()
    monkeypatch.setattr(fast_layers, "has_bfloat16", lambda _: True)
    message = (
        r"out have conv computed as fast, float32, and this machine would compute it as "
        r"fast, bfloat16: go on where the run began, or give another run\.folder\.$"
    )
    with pytest.raises(StoreError, match=message):
        run_job(plain)
    assert sorted((folder / SHARDS).glob("*.nc")) == shards[1:]
    monkeypatch.setattr(fast_layers, "has_bfloat16", lambda _: False)
    assert run_job(plain) == folder
    assert sorted((folder / SHARDS).glob("*.nc")) == shards
