"""The record says with which references and packages an analysis was made."""

from __future__ import annotations

import hashlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import squareform

from lens_pipeline import open_run
from lens_pipeline.digests import FileStamp
from lens_pipeline.pipeline.analysis.provenance import made_with
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.rsa.inference.multiple import corrected

if TYPE_CHECKING:
    from pathlib import Path

N = 10
IDS = [f"image{n}" for n in range(N)]


@pytest.fixture
def ten(study: Path) -> np.random.Generator:
    """Ten images, and what draws data for them."""
    random = np.random.default_rng(2)
    for number in range(6, N):
        pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(study / "images" / f"image{number}.png")
    return random


def _brain(path: Path, random: np.random.Generator) -> str:
    """Write RDMs of two subjects; return the digest of the file."""
    np.savez(path, IT=[squareform(random.random(N * (N - 1) // 2)) for _ in range(2)], ids=IDS)
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def test_the_record_has_the_digest_of_each_reference_and_versions(
    study: Path, plain: dict[str, Any], ten: np.random.Generator
) -> None:
    """Of the file as it was compared with: a change of it makes the analysis again."""
    plain["rsa"] = {"reference": "brain.npz:IT", "bootstrap": 0}
    for _ in range(2):
        digest = _brain(study / "brain.npz", ten)
        run = open_run(run_job(plain))
        (file,) = run.record.analysis["reference_files"].items()
        assert ((study / file[0]).samefile(study / "brain.npz"), file[1]) == (True, digest)
        assert f"<dt>digest of brain.npz</dt><dd>{digest}</dd>" in _page(run.folder)
    versions = run.record.analysis["versions"]
    assert set(versions) == {"rsatoolbox", "scipy", "xarray", "pandas"}
    assert versions["scipy"] == importlib.metadata.version("scipy")
    assert "rsatoolbox" not in run.record.versions
    assert "pandas " + versions["pandas"] in _page(run.folder)


def test_encoding_adds_what_its_models_are_of(study: Path, plain: dict[str, Any]) -> None:
    """himalaya and scikit-learn; files that are looked for and absent have no digest."""
    (study / "b.npz").write_bytes(b"x")
    plain |= {"encoding": {"methods": ["ridge"]}, "brain": {"root": ".", "files": ["b.npz"]}}
    stamp = FileStamp(1, 2, 3, 4, digest="d")
    config = read_config(plain)
    made = made_with(config, {str(config.brain.root / "b.npz"): stamp, "images/image0.png": stamp})
    assert list(made["versions"])[4:] == ["himalaya", "scikit-learn"]
    assert list(made["reference_files"].values()) == ["d"]


@pytest.mark.parametrize(("resample", "n_told"), [("auto", 1), ("stimuli", 0)])
def test_few_subjects_are_cautioned_of_once(
    study: Path,
    plain: dict[str, Any],
    ten: np.random.Generator,
    caplog: pytest.LogCaptureFixture,
    resample: str,
    n_told: int,
) -> None:
    """In the log and on the page, for all measures, and not where stimuli alone are drawn."""
    _brain(study / "brain.npz", ten)
    plain["rsa"] = {"reference": "brain.npz:IT", "bootstrap": 100, "resample": resample}
    plain["rsa"]["measure"] = ["pearson", "cosine"]
    folder = run_job(plain)
    said = (
        "brain:IT has 2 subjects, so that its intervals and tests over subjects have 1 degree of "
        "freedom and say little; rsa.resample=stimuli speaks of these subjects alone."
    )
    assert caplog.messages.count(said) == n_told
    assert _page(folder).count(said) == n_told


def test_times_of_a_run_are_corrected_together(
    study: Path, plain: dict[str, Any], ten: np.random.Generator
) -> None:
    """Over all layers, passes and times of the data."""
    rates = ten.normal(size=(N, 4, 3))
    np.savez(study / "meg.npz", rates=rates, stimulus_id=IDS, time=[0, 10, 20])
    plain["rsa"] = {"reference": "meg.npz:rates", "bootstrap": 100}
    run = open_run(run_job(plain))
    for table, n in ((run.scores, 3 * 4), (run.comparisons, 3 * 6)):
        assert len(table) == n
        np.testing.assert_allclose(table["p_corrected"], corrected(table["p_value"]))


def _page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")
