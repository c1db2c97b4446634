"""Stacks of RDMs in which every RDM has its own subject, region and time, in all formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.io
import xarray as xr
from rsatoolbox.rdm import RDMs
from scipy.spatial.distance import squareform

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.files import read_reference
from lens_pipeline.rsa.references.loading import open_references
from lens_pipeline.rsa.references.matrices import Matrices

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IDS = tuple("abcde")
REGIONS = ("V1", "V1", "IT", "IT")
SUBJECTS = ("s1", "s2", "s1", "s2")
STACK = np.stack(
    [
        squareform(np.random.default_rng(seed).uniform(1, 2, len(IDS) * (len(IDS) - 1) // 2))
        for seed in range(len(REGIONS))
    ]
)
LABELS = {"stimulus_id": IDS, "region": REGIONS, "subject": SUBJECTS}


def _npz(folder: Path) -> Path:
    np.savez(folder / "x.npz", rdms=STACK, **{name: np.array(of) for name, of in LABELS.items()})
    return folder / "x.npz"


def _vectors(folder: Path) -> Path:
    vectors = np.stack([squareform(one) for one in STACK])
    np.savez(folder / "x.npz", rdms=vectors, **{name: np.array(of) for name, of in LABELS.items()})
    return folder / "x.npz"


def _mat(folder: Path) -> Path:
    cells = {name: np.array(of, dtype=object) for name, of in LABELS.items()}
    scipy.io.savemat(folder / "x.mat", {"rdms": np.moveaxis(STACK, 0, -1), **cells})
    return folder / "x.mat"


def _netcdf(folder: Path, *, along: str = "rdm") -> Path:
    xr.DataArray(
        STACK,
        dims=(along, "stimulus", "stimulus_b"),
        coords={
            "stimulus": list(IDS),
            "roi": (along, list(REGIONS)),
            "participant": (along, list(SUBJECTS)),
        },
        name="dissimilarity",
    ).to_netcdf(folder / "x.nc")
    return folder / "x.nc"


def _netcdf_of_subjects(folder: Path) -> Path:
    return _netcdf(folder, along="subject")


@pytest.mark.parametrize("write", [_npz, _vectors, _mat, _netcdf, _netcdf_of_subjects])
def test_each_rdm_keeps_its_region_and_subject(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Regions are never taken for so many more subjects."""
    path = write(tmp_path)
    found = read_reference(path, None)
    assert isinstance(found, Matrices)
    assert (found.ids, found.regions, found.names) == (IDS, REGIONS, SUBJECTS)
    np.testing.assert_allclose(found.values, STACK)
    opened = open_references(str(path), stimulus_ids=IDS)
    assert [(one.region, one.n_subjects) for one in opened] == [("V1", 2), ("IT", 2)]


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Of another number, or the same subject twice in a region."""
    np.savez(tmp_path / "x.npz", rdms=STACK, region=np.array(REGIONS[:3]))
    with pytest.raises(ComparisonError, match="4 RDMs but 3 labels of their region; give one for"):
        read_reference(tmp_path / "x.npz", "rdms")
    np.savez(tmp_path / "y.npz", rdms=STACK, subject=np.array(["s1", "s2", "s1", "s3"]))
    with pytest.raises(ComparisonError, match="has 2 RDMs of s1; number sessions in `session`"):
        read_reference(tmp_path / "y.npz", "rdms")


def test_sessions_of_a_subject_are_averaged(tmp_path: Path) -> None:
    """Two people in two sessions are two subjects, and one label is everyone's."""
    np.savez(
        tmp_path / "x.npz",
        rdms=STACK,
        subject=np.array(SUBJECTS),
        session=np.array([1, 1, 2, 2]),
        region=np.array("IT"),
    )
    found = read_reference(tmp_path / "x.npz", "rdms")
    assert isinstance(found, Matrices)
    assert (found.names, found.regions) == (("s1", "s2"), ("IT", "IT"))
    np.testing.assert_allclose(found.values, [STACK[[0, 2]].mean(0), STACK[[1, 3]].mean(0)])
    # of one person, sessions are what there is to resample
    np.savez(tmp_path / "y.npz", rdms=STACK, session=np.arange(1, 5))
    found = read_reference(tmp_path / "y.npz", "rdms")
    assert isinstance(found, Matrices)
    assert found.names == ("1", "2", "3", "4")


def test_sessions_in_names_of_the_matlab_toolbox(tmp_path: Path) -> None:
    """As in the published 92_brainRDMs.mat: four people, two sessions each."""
    structs = np.zeros((2, 2), dtype=[("RDM", object), ("name", object)])
    for at, (subject, session) in enumerate((s, n) for s in ("BE", "KO") for n in (1, 2)):
        structs.ravel()[at] = (STACK[at], f"hIT | {subject} | Session: {session}")
    scipy.io.savemat(tmp_path / "x.mat", {"RDMs": structs, "stimulus_id": np.array(IDS, dtype="O")})
    found = read_reference(tmp_path / "x.mat", "RDMs")
    assert isinstance(found, Matrices)
    assert (found.names, found.ids) == (("hIT | BE", "hIT | KO"), IDS)
    np.testing.assert_allclose(found.values, [STACK[:2].mean(0), STACK[2:].mean(0)])
    found = read_reference(tmp_path / "x.mat", "RDMs.*KO*2")
    assert isinstance(found, Matrices)
    np.testing.assert_allclose(found.values, STACK[3:])


def test_rdm_movies_of_rsatoolbox_are_in_seconds(tmp_path: Path) -> None:
    """As the data sets they are made from; larger numbers are ms already."""
    for name, times in (("s", [0.1, 0.1, 0.25, 0.25]), ("ms", [100.0, 100.0, 250.0, 250.0])):
        RDMs(
            np.stack([squareform(one) for one in STACK]),
            pattern_descriptors={"conds": list(IDS)},
            rdm_descriptors={"subject": list(SUBJECTS), "time": times},
        ).save(str(tmp_path / f"{name}.hdf5"), file_type="hdf5")
        found = read_reference(tmp_path / f"{name}.hdf5", None)
        assert isinstance(found, Matrices)
        assert found.times == (100, 100, 250, 250)
