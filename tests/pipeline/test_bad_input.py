"""Bad input of the analysis: one sentence, exit code 2, of `run` and `plan`, before any work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from lens_pipeline.pipeline.cli import main
from tests.pipeline.test_cli import TINY, refused

if TYPE_CHECKING:
    from pathlib import Path

IDS = [f"image{row}" for row in range(6)]
RDM = squareform(np.random.default_rng(0).random(15))
REFERENCE = ("rsa.reference=b.npz:IT",)
RESPONSES = ("brain.root=.", "brain.files=[r.npz]")
MAHALANOBIS = ("rsa.method=mahalanobis", "rsa.noise=n.npz", "layers=[cell]")


def _changed(where: Any, value: float) -> np.ndarray:
    changed = RDM.copy()
    changed[where] = changed.T[where] = value
    return changed


def _rdms(**given: Any) -> dict[str, dict[str, Any]]:
    return {"b.npz": {"IT": RDM, "ids": IDS, **given}}


def _responses(**given: Any) -> dict[str, dict[str, Any]]:
    values = np.random.default_rng(1).random((6, 5))
    return {"r.npz": {"responses": values, "ids": IDS, **given}}


CASES: dict[str, tuple[dict[str, dict[str, Any]], tuple[str, ...], str]] = {
    "no id in common": (
        _rdms(ids=[f"x{row}" for row in range(6)]),
        REFERENCE,
        "0 stimulus ids in common.*rename",
    ),
    "an id twice": (_rdms(ids=[*IDS[:5], IDS[0]]), REFERENCE, r"on more than one row \(image0\)"),
    "no ids": ({"b.npz": {"IT": RDM}}, REFERENCE, "rsa.align=position"),
    "fewer ids than rows": (_rdms(ids=IDS[:5]), REFERENCE, "has 6 rows but 5 ids"),
    "other ids by position": (
        _rdms(IT=RDM[:5, :5], ids=IDS[:5]),
        (*REFERENCE, "rsa.align=position"),
        "has 5 stimuli and the run 6",
    ),
    "a NaN in an RDM": (
        _rdms(IT=_changed((0, 1), np.nan)),
        REFERENCE,
        "not finite, the first between image0 and image1",
    ),
    "a constant RDM": (_rdms(IT=1 - np.eye(6)), REFERENCE, "one value for all pairs"),
    "NaN in responses": (
        _responses(responses=np.where(np.eye(6, 5) == 1, np.nan, 1.0 * np.arange(5))),
        RESPONSES,
        "not finite, the first to image0 of unit 1",
    ),
    "constant responses": (_responses(responses=np.ones((6, 5))), RESPONSES, "same for all"),
    "too few stimuli": (_rdms(), (*REFERENCE, "rsa.bootstrap=200"), "has 6 stimuli.*needs 8"),
    "too few subjects": (
        _rdms(),
        (*REFERENCE, "rsa.bootstrap=200", "rsa.resample=subjects"),
        "1 subject",
    ),
    "no positive definite covariance": (
        {"n.npz": {"cell": np.diag([1.0, 1, 1, -1])}},
        MAHALANOBIS,
        "positive definite",
    ),
    "a covariance of other units": (
        {"n.npz": {"cell": np.eye(3)}},
        MAHALANOBIS,
        "cell:1 has 4 units and a covariance of 3 units",
    ),
    "no covariance": ({}, ("rsa.method=mahalanobis",), "rsa.noise"),
    "an unknown measure": (_rdms(), (*REFERENCE, "rsa.measure=spearmann"), "nearest: spearman"),
    "an unknown dissimilarity": (_rdms(), (*REFERENCE, "rsa.method=correlations"), "correlation"),
    "an unknown fitted model": (_rdms(), (*REFERENCE, "rsa.fitted=[best]"), "no fitted model"),
    "a region without data": (
        _responses(region=["V1"] * 5),
        (*RESPONSES, "brain.regions=[IT]"),
        "IT.*V1",
    ),
    "an unknown key": (_rdms(), ("rsa.reference=b.npz:V9",), "V9.*IT"),
    "no file": ({}, REFERENCE, "b.npz"),
    "crossnobis without repeats": (
        _responses(),
        (*RESPONSES, "brain.method=crossnobis"),
        "repeat",
    ),
}


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_one_sentence_before_any_work(
    study: Path, capsys: pytest.CaptureFixture[str], case: str, command: str
) -> None:
    """What is wrong is named, and nothing is written."""
    files, settings, wording = CASES[case]
    for name, arrays in files.items():
        np.savez(study / name, **{key: np.asarray(value) for key, value in arrays.items()})
    before = {path for path in study.rglob("*") if "__pycache__" not in path.parts}
    said = refused((command, *TINY, "layers=[conv,cell]", *settings), capsys)
    assert re.search(wording, said), said
    assert said.endswith(".")
    after = {path for path in study.rglob("*") if "__pycache__" not in path.parts}
    assert after == before


def test_a_plan_of_a_sweep_refuses_it_too(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What needs the sizes of the layers is known by then, and is said of each job."""
    np.savez(study / "n.npz", cell=np.eye(3))
    words = ("plan", "-m", *TINY, *MAHALANOBIS, "model.seed=0,1", "run.folder=all")
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("cell:1 has 4 units and a covariance of 3 units in rsa.noise=") == 2
    assert not (study / "all").exists()


def test_a_plan_says_what_will_be_drawn(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For each measure and reference, with the time; and why there is none."""
    np.savez(study / "b.npz", IT=RDM, ids=IDS)
    settings = ("layers=[conv,cell]", *REFERENCE, "rsa.measure=[spearman,kendall_tau_a]")
    assert main(("plan", *TINY, *settings)) == 0
    said = capsys.readouterr().out
    assert "bootstrap b:IT, spearman: none over 6 stimuli" in said
