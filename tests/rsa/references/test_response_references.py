"""Responses of units, from every format to references: by id, region, subject and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rsatoolbox.data.noise import cov_from_residuals
from rsatoolbox.rdm import calc_rdm
from scipy.spatial.distance import pdist

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.comparison import in_order
from lens_pipeline.rsa.references.loading import Reading, open_reference, open_references
from tests.rsa.brains import (
    FORMATS,
    REGIONS,
    STIMULI,
    SUBJECTS,
    TIMES,
    brain_score,
    frame,
    npz,
    plain_dataset,
    recording,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.rsa.references.loading import Reference


def _units(region: str, subject: str | None = None) -> list[int]:
    return [
        unit for unit in range(7) if REGIONS[unit] == region and subject in (None, SUBJECTS[unit])
    ]


def _open(path: Path, ids: tuple[str, ...] = STIMULI, **how: object) -> tuple[Reference, ...]:
    reading = Reading(**{"method": "euclidean", **how})  # type: ignore[arg-type]
    return open_references(str(path), stimulus_ids=ids, reading=reading)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_one_reference_per_region_and_time(name: str, tmp_path: Path) -> None:
    """Each holds one RDM per subject, of the mean over repeats, in the order of the run."""
    data = recording()
    FORMATS[name](tmp_path / name, data)
    found = _open(tmp_path / name, STIMULI[::-1])
    assert {(one.region, one.time) for one in found} == {
        (region, time) for region in ("V4", "IT") for time in TIMES
    }
    for one in found:
        assert one.n_subjects == 2
        assert one.name == f"{name.partition('.')[0]}:{one.region}@{one.time:g}ms"
        means = data.mean(TIMES.index(one.time or 0))[::-1]
        for subject, vector in zip(
            one.rdms.rdm_descriptors["subject"], one.rdms.dissimilarities, strict=True
        ):
            wanted = pdist(means[:, _units(one.region, subject)])
            np.testing.assert_allclose(vector, wanted, rtol=1e-6)


def test_subjects_pooled_and_parts_chosen(tmp_path: Path) -> None:
    """Pooled units are those of one subject; only the regions and subjects asked for are read."""
    data = recording(1)
    npz(tmp_path / "x.npz", data)
    found = _open(tmp_path / "x.npz", pool=True, regions=("IT",))
    assert [(one.region, one.time, one.n_subjects) for one in found] == [
        ("IT", time, 1) for time in TIMES
    ]
    wanted = pdist(data.mean()[:, _units("IT")])
    np.testing.assert_allclose(found[0].rdms.dissimilarities[0], wanted, rtol=1e-6)
    (one, *_) = _open(tmp_path / "x.npz", subjects=("n",), regions=("IT",))
    assert one.rdms.rdm_descriptors["subject"] == ["n"]
    with pytest.raises(ComparisonError, match=r"x has no region 'ITC'; nearest: IT"):
        _open(tmp_path / "x.npz", regions=("ITC",))
    with pytest.raises(ComparisonError, match=r"x has no subject 'o'"):
        _open(tmp_path / "x.npz", subjects=("o",))


@pytest.mark.parametrize("normalise", ["auto", "multivariate"])
def test_crossnobis_is_that_of_rsatoolbox(normalise: str, tmp_path: Path) -> None:
    """Folds are repetitions and noise is that between them, whatever the order of the rows."""
    data = recording(2)
    npz(tmp_path / "x.npz", data)
    units = _units("IT", "n")
    found = _open(tmp_path / "x.npz", method="crossnobis", normalise=normalise, regions=("IT",))[0]
    covariances = []
    for time in range(3):
        rest = data.folds(time) - data.folds(time).mean(axis=0)
        flat = rest[..., units].reshape(-1, len(units))
        covariances.append(cov_from_residuals(flat, dof=14, method="shrinkage_eye"))
    wanted = calc_rdm(
        plain_dataset(data, units),
        method="crossnobis",
        descriptor="stim",
        cv_descriptor="run",
        noise=np.linalg.inv(np.mean(covariances, axis=0)),
    )
    row = found.rdms.rdm_descriptors["subject"].index("n")
    np.testing.assert_allclose(found.rdms.dissimilarities[row] / 3, wanted.dissimilarities[0])


def test_shuffled_missing_and_renamed_ids_are_each_caught(tmp_path: Path) -> None:
    """Shuffling changes nothing, a missing stimulus is counted, a renamed one too."""
    data = recording(3)
    npz(tmp_path / "x.npz", data)
    whole = _open(tmp_path / "x.npz")[0]
    shuffled = ("g", "c", "a", "e", "b", "d", "f")
    other = _open(tmp_path / "x.npz", shuffled)[0]
    np.testing.assert_allclose(
        in_order(other.rdms, STIMULI).dissimilarities, whole.rdms.dissimilarities
    )
    part = _open(tmp_path / "x.npz", (*STIMULI[:5], "new"))[0]
    assert part.account.only_in_run == ("new",)
    assert set(part.account.only_in_reference) == {"f", "g"}
    with pytest.raises(ComparisonError, match=r"0 stimulus ids in common"):
        _open(tmp_path / "x.npz", tuple(f"{one}.png" for one in STIMULI))


def test_a_stimulus_that_one_subject_lacks_is_left_out_and_counted(tmp_path: Path) -> None:
    """Subjects are compared on the stimuli that all of them saw."""
    data = frame(recording(4))
    data = data[~((data["subject"] == "m") & (data["stimulus_id"] == "c"))]
    data.to_csv(tmp_path / "x.csv", index=False)
    found = _open(tmp_path / "x.csv")[0]
    assert found.rdms.pattern_descriptors["stimulus_id"] == list("abdefg")
    assert found.account.only_in_run == ("c",)


def test_wide_tables_have_a_column_per_unit(tmp_path: Path) -> None:
    """Repetition and subject are columns; a key chooses units."""
    data = recording(5)
    table = pd.DataFrame(data.rates[:, :, 0], columns=[f"u{n}" for n in range(7)])
    table = table.assign(stimulus_id=data.ids, repetition=data.repetitions)
    table.to_csv(tmp_path / "x.csv", index=False)
    (found,) = _open(tmp_path / "x.csv")
    np.testing.assert_allclose(found.rdms.dissimilarities[0], pdist(data.mean()), rtol=1e-6)
    chosen = open_reference(f"{tmp_path}/x.csv:u1+u4", stimulus_ids=STIMULI, method="euclidean")
    np.testing.assert_allclose(
        chosen.rdms.dissimilarities[0], pdist(data.mean()[:, [1, 4]]), rtol=1e-6
    )


def test_several_references_are_not_one(tmp_path: Path) -> None:
    """open_reference says how many there are."""
    brain_score(tmp_path / "x.nc", recording())
    with pytest.raises(ComparisonError, match=r"holds 6 references \(x:V4@70ms, "):
        open_reference(str(tmp_path / "x.nc"), stimulus_ids=STIMULI, method="euclidean")


def _spoiled(**changes: object) -> dict[str, object]:
    data = recording(6)
    return {
        "rates": data.rates[:, :, 0].copy(),
        "stimulus_id": np.array(data.ids),
        "repetition": np.array(data.repetitions),
        **changes,
    }


def _nan() -> np.ndarray:
    values = recording(6).rates[:, :, 0].copy()
    values[recording(6).ids.index("b"), 4] = np.nan
    return values


REFUSED = [
    ({"rates": _nan()}, {}, r"1 responses that are not finite, the first to b of unit 5"),
    ({"rates": np.ones((21, 7))}, {}, r"x give no correlation RDM"),
    ({"repetition": np.ones(21)}, {}, r"repetition 1 of a 3 times; number"),
    ({"stimulus_id": np.array([f"s{n}" for n in range(21)])}, {}, r"0 stimulus ids in common"),
    ({}, {"method": "crosnobis"}, r"no brain.method=crosnobis; .*crossnobis"),
    ({}, {"normalise": "multi"}, r"no brain\.normalise=multi; nearest: multivariate"),
    (
        {},
        {"method": "mahalanobis", "normalise": "none"},
        r"method=mahalanobis means brain\.normalise=multivariate",
    ),
]


@pytest.mark.parametrize(("changes", "how", "words"), REFUSED)
def test_what_cannot_be_used_is_one_sentence(
    changes: dict[str, object], how: dict[str, str], words: str, tmp_path: Path
) -> None:
    """Before any long computation."""
    np.savez(tmp_path / "x.npz", **_spoiled(**changes))  # type: ignore[arg-type]
    with pytest.raises(ComparisonError, match=words):
        _open(tmp_path / "x.npz", **{"method": "correlation", **how})


def test_no_repeats_have_no_noise(tmp_path: Path) -> None:
    """Crossnobis and normalisation say that they need repeats."""
    np.savez(tmp_path / "x.npz", rates=recording().mean()[:, :6], stimulus_id=np.array(STIMULI))
    with pytest.raises(ComparisonError, match="one response to each stimulus"):
        _open(tmp_path / "x.npz", method="crossnobis")


def test_rdms_of_several_subjects_regions_and_times_are_told_apart(tmp_path: Path) -> None:
    """Dimensions are known by their names in netCDF, by the lengths of their labels in npz."""
    random = np.random.default_rng(0)
    stack = random.random((2, 3, 4, 7, 7))
    stack = stack + stack.swapaxes(-1, -2)
    stack[..., range(7), range(7)] = 0
    labels = {"roi": ["V1", "IT"], "subject": ["x", "y", "z"], "time": [0.0, 10.0, 20.0, 30.0]}
    xr.DataArray(
        stack,
        dims=("roi", "subject", "time", "stimulus", "stimulus_b"),
        coords={**labels, "stimulus": list(STIMULI)},
        name="rdm",
    ).to_netcdf(tmp_path / "a.nc")
    np.savez(tmp_path / "b.npz", rdm=stack, ids=np.array(STIMULI), **labels)  # type: ignore[arg-type]
    for file in ("a.nc", "b.npz"):
        found = {(one.region, one.time): one for one in _open(tmp_path / file, STIMULI[::-1])}
        assert len(found) == 8
        it = found["IT", 20.0]
        assert it.rdms.rdm_descriptors["subject"] == ["x", "y", "z"]
        wanted = stack[1, 1, 2][::-1, ::-1][np.triu_indices(7, 1)]
        np.testing.assert_allclose(it.rdms.dissimilarities[1], wanted)


def test_a_square_of_responses_needs_a_word(tmp_path: Path) -> None:
    """As many units as stimuli is taken for an RDM until `dims` says otherwise."""
    arrays = {"rates": recording().mean(), "stimulus_id": np.array(STIMULI)}
    np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ComparisonError, match=r"if these are responses, add an array dims"):
        _open(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", **arrays, dims=np.array(["stimulus", "unit"]))  # type: ignore[arg-type]
    (found,) = _open(tmp_path / "x.npz")
    np.testing.assert_allclose(found.rdms.dissimilarities[0], pdist(recording().mean()), rtol=1e-6)


def test_features_keep_their_first_column_where_ids_stand_later(tmp_path: Path) -> None:
    """The first column of a table is only ids where no other is named so."""
    table = pd.DataFrame(recording().mean(), columns=[f"f{n}" for n in range(7)])
    table.assign(stimulus_id=STIMULI).to_csv(tmp_path / "x.csv", index=False)
    (found,) = _open(tmp_path / "x.csv")
    np.testing.assert_allclose(found.rdms.dissimilarities[0], pdist(recording().mean()), rtol=1e-6)


def test_a_region_without_responses_is_named(tmp_path: Path) -> None:
    """Its units are there, its numbers are not."""
    rates = recording().rates[:, :, 0].copy()
    rates[:, [3, 4, 5, 6]] = np.nan
    spoiled = _spoiled(rates=rates, region=np.array(REGIONS))
    np.savez(tmp_path / "x.npz", **spoiled)  # type: ignore[arg-type]
    with pytest.raises(ComparisonError, match=r"x IT has units and not one response; leave it out"):
        _open(tmp_path / "x.npz")
    (found,) = _open(tmp_path / "x.npz", regions=("V4",))
    assert found.region == "V4"


def test_a_third_axis_without_times_is_not_guessed(tmp_path: Path) -> None:
    """The sentence says what to add."""
    spoiled = _spoiled(rates=recording().rates)
    np.savez(tmp_path / "x.npz", **spoiled)  # type: ignore[arg-type]
    with pytest.raises(ComparisonError, match=r"shape \(21, 7, 3\).*and time in ms"):
        _open(tmp_path / "x.npz")


def test_repeats_without_numbers_are_taken_as_they_come_where_all_have_as_many(
    tmp_path: Path,
) -> None:
    """An id that is there once more than the others is a mistake until rows are numbered."""
    data = recording(7)
    spoiled = _spoiled(rates=data.rates[:, :, 0], stimulus_id=np.array(data.ids))
    del spoiled["repetition"]
    np.savez(tmp_path / "x.npz", **spoiled)  # type: ignore[arg-type]
    (found,) = _open(tmp_path / "x.npz")
    np.testing.assert_allclose(found.rdms.dissimilarities[0], pdist(data.mean()), rtol=1e-6)
    ids = [*STIMULI[:6], "a", "g"]
    np.savez(tmp_path / "x.npz", rates=data.rates[:8, :6, 0], stimulus_id=np.array(ids))
    with pytest.raises(ComparisonError, match=r"1 ids on more rows than the others \(a\); if they"):
        _open(tmp_path / "x.npz")


def test_numbers_that_programs_write_as_floats_are_the_ids_they_were(tmp_path: Path) -> None:
    """MATLAB knows no integers."""
    arrays = {"rates": recording().mean()[:, :5], "stimulus_id": np.arange(7.0)}
    np.savez(tmp_path / "x.npz", **arrays)
    assert _open(tmp_path / "x.npz", tuple("0123456"))[0].account.n_common == 7


def test_unknown_dimensions_and_rows_without_a_label_are_named(tmp_path: Path) -> None:
    """What there is, and what it should be called."""
    xr.DataArray(np.ones((7, 5)), dims=("foo", "bar"), name="r").to_netcdf(tmp_path / "x.nc")
    with pytest.raises(ComparisonError, match=r"it has r \(foo, bar\); call them stimulus, "):
        _open(tmp_path / "x.nc")
    table = frame(recording())
    table.loc[3, "stimulus_id"] = None
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(ComparisonError, match=r"a row without its stimulus \(stimulus_id\)"):
        _open(tmp_path / "x.csv")
