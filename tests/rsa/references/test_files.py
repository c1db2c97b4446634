"""Every format read back against what was written; nothing is unpickled, nothing guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import xarray as xr
from rsatoolbox.rdm.rdms import RDMs
from scipy.spatial.distance import pdist, squareform

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.files import read_reference
from lens_pipeline.rsa.references.matrices import Matrices, Table

if TYPE_CHECKING:
    from pathlib import Path

IDS = ("001", "002", "003", "004", "005")
RDM = squareform(pdist(np.random.default_rng(3).random((5, 4))))
STACK = np.stack([RDM, RDM * 2, RDM**2])


def _same(found: Matrices | Table, values: np.ndarray, ids: tuple[str, ...] | None = IDS) -> None:
    assert isinstance(found, Matrices)
    np.testing.assert_allclose(found.values, values)
    assert found.ids == ids


def test_npz_needs_a_key_only_where_there_are_several(tmp_path: Path) -> None:
    """The error lists the keys; ids are not one of them."""
    path = tmp_path / "x.npz"
    np.savez(path, IT=RDM, ids=np.array(IDS))
    _same(read_reference(path, None), RDM[None])
    np.savez(path, IT=STACK, V1=squareform(RDM), stimulus_id=np.array(IDS))
    _same(read_reference(path, "IT"), STACK)
    _same(read_reference(path, "V1"), RDM[None])
    with pytest.raises(ComparisonError, match=r"holds IT, V1; say which, as in x\.npz:IT"):
        read_reference(path, None)
    with pytest.raises(ComparisonError, match="has no 'IIT'; nearest: IT"):
        read_reference(path, "IIT")


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    """An array of objects is refused, not executed."""
    np.savez(tmp_path / "x.npz", IT=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ComparisonError, match=r"x\.npz cannot be read"):
        read_reference(tmp_path / "x.npz", "IT")


def test_npy_is_one_array(tmp_path: Path) -> None:
    """A .npy has no ids."""
    np.save(tmp_path / "x.npy", STACK)
    _same(read_reference(tmp_path / "x.npy", None), STACK, ids=None)


def test_netcdf_of_any_names(tmp_path: Path) -> None:
    """Any DataArray with two stimulus dimensions; ids are its coordinate."""
    data = xr.Dataset({"d": (("subject", "item", "item2"), STACK), "n": ("item", np.arange(5))})
    data.assign_coords(item=list(IDS)).to_netcdf(tmp_path / "x.nc")
    _same(read_reference(tmp_path / "x.nc", None), STACK)
    _same(read_reference(tmp_path / "x.nc", "d"), STACK)


def test_rsatoolbox_file(tmp_path: Path) -> None:
    """RDMs saved by rsatoolbox, all or one by name."""
    rdms = RDMs(
        STACK, rdm_descriptors={"name": list("pqr")}, pattern_descriptors={"stimulus_id": list(IDS)}
    )
    rdms.save(str(tmp_path / "x.hdf5"))
    found = read_reference(tmp_path / "x.hdf5", None)
    _same(found, STACK)
    assert found.names == ("p", "q", "r")
    _same(read_reference(tmp_path / "x.hdf5", "q"), STACK[1:2])


@pytest.mark.parametrize("value", [RDM, squareform(RDM), squareform(RDM)[:, None]])
def test_mat_version_5_arrays(tmp_path: Path, value: np.ndarray) -> None:
    """Squares and condensed vectors, with ids as a cell array."""
    cell = np.array(IDS, dtype=object)
    scipy.io.savemat(tmp_path / "x.mat", {"IT": value, "ids": cell, "note": "text"})
    _same(read_reference(tmp_path / "x.mat", None), RDM[None])


def test_mat_stack_has_its_subjects_last(tmp_path: Path) -> None:
    """MATLAB's (n, n, subjects) becomes (subjects, n, n)."""
    scipy.io.savemat(tmp_path / "x.mat", {"IT": np.moveaxis(STACK, 0, -1)})
    _same(read_reference(tmp_path / "x.mat", "IT"), STACK, ids=None)


def test_mat_structs_are_chosen_by_name(tmp_path: Path) -> None:
    """Struct arrays with a field RDM: all of them, one, or those a glob matches."""
    structs = np.zeros((1, 3), dtype=[("RDM", "O"), ("name", "O")])
    structs["RDM"][0], structs["name"][0] = list(STACK), ["m1", "m2", "h"]
    scipy.io.savemat(tmp_path / "x.mat", {"Models": structs})
    _same(read_reference(tmp_path / "x.mat", None), STACK, ids=None)
    _same(read_reference(tmp_path / "x.mat", "Models.m?"), STACK[:2], ids=None)
    with pytest.raises(ComparisonError, match="no RDM named 'm3'; nearest: m2, m1"):
        read_reference(tmp_path / "x.mat", "Models.m3")


def test_mat_version_7(tmp_path: Path) -> None:
    """MATLAB 7.3 is HDF5 with axes reversed; cells of text are references to UTF-16 codes."""
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["IT"] = np.moveaxis(STACK, 0, -1).T
        file["IT"].attrs["MATLAB_class"] = b"double"
        codes = [file.create_dataset(f"#refs#/{n}", data=[[ord(c)] for c in n]).ref for n in IDS]
        cell = np.array(codes, dtype=h5py.ref_dtype).reshape(1, -1)
        file.create_dataset("ids", data=cell, dtype=h5py.ref_dtype)
    _same(read_reference(tmp_path / "x.mat", None), STACK)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_square_csv_with_ids(tmp_path: Path, separator: str) -> None:
    """A header and an index that agree make an RDM; leading zeros are kept."""
    frame = pd.DataFrame(RDM, index=list(IDS), columns=list(IDS))
    frame.to_csv(tmp_path / "x.csv", sep=separator)
    _same(read_reference(tmp_path / "x.csv", None), RDM[None])


def test_square_csv_with_a_header_only_or_with_nothing(tmp_path: Path) -> None:
    """Ids come from the header if it is there, even if they look like numbers."""
    pd.DataFrame(RDM, columns=list(IDS)).to_csv(tmp_path / "x.csv", index=False)
    _same(read_reference(tmp_path / "x.csv", None), RDM[None])
    pd.DataFrame(RDM, columns=list("abcde")).to_csv(tmp_path / "x.csv", index=False)
    _same(read_reference(tmp_path / "x.csv", None), RDM[None], ids=tuple("abcde"))
    np.savetxt(tmp_path / "x.csv", RDM, delimiter=",")
    _same(read_reference(tmp_path / "x.csv", None), RDM[None], ids=None)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_features_with_ids(tmp_path: Path, suffix: str) -> None:
    """Other tables are features; text columns beside the ids are left out; + joins columns."""
    frame = pd.DataFrame({"id": IDS, "word": list("vwxyz"), "a": range(5), "b": [0.5] * 5})
    path = tmp_path / f"t.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    found = read_reference(path, None)
    assert isinstance(found, Table)
    assert found.ids == IDS
    np.testing.assert_array_equal(found.values, frame[["a", "b"]])
    np.testing.assert_array_equal(read_reference(path, "b+a").values, frame[["b", "a"]])
    with pytest.raises(ComparisonError, match="has no 'c'; "):
        read_reference(path, "c")


def test_a_square_of_features_is_no_rdm(tmp_path: Path) -> None:
    """As many features as stimuli, with other names, stays a table."""
    frame = pd.DataFrame(RDM, index=list(IDS), columns=list("abcde"))
    frame.to_csv(tmp_path / "t.csv")
    assert isinstance(read_reference(tmp_path / "t.csv", None), Table)


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """Unknown formats, damaged files, wrong shapes, text."""
    for name in ("x.xlsx", "x.npz", "x.nc", "x.mat"):
        (tmp_path / name).write_bytes(b"no such thing" * 40)
    with pytest.raises(ComparisonError, match=r"format that is not read; allowed: \.npz"):
        read_reference(tmp_path / "x.xlsx", None)
    for name in ("x.npz", "x.nc", "x.mat"):
        with pytest.raises(ComparisonError, match=f"{name} cannot be read"):
            read_reference(tmp_path / name, None)
    np.savez(tmp_path / "y.npz", a=np.zeros((3, 4, 5)), b=np.array(["x", "y"]))
    with pytest.raises(ComparisonError, match=r"shape \(3, 4, 5\); expected a square"):
        read_reference(tmp_path / "y.npz", "a")
    with pytest.raises(ComparisonError, match="an RDM needs real numbers"):
        read_reference(tmp_path / "y.npz", "b")


def test_rsatoolbox_rdms_keep_subject_region_and_time(tmp_path: Path) -> None:
    """Their rdm_descriptors say which RDM is whose."""
    vectors = np.stack([squareform(RDM) * factor for factor in (1, 2, 3)])
    RDMs(
        vectors,
        pattern_descriptors={"conds": list(IDS)},
        rdm_descriptors={
            "subject": ["a", "b", "a"], "roi": ["V1", "V1", "IT"], "time": [10.0, 10.0, 20.0],
        },
    ).save(str(tmp_path / "x.hdf5"), file_type="hdf5")  # fmt: skip
    found = read_reference(tmp_path / "x.hdf5", None)
    assert isinstance(found, Matrices)
    assert found.ids == IDS
    assert found.names == ("a", "b", "a")
    assert found.regions == ("V1", "V1", "IT")
    assert found.times == (10, 10, 20)
