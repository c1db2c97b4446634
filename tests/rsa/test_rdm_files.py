"""rdms.nc: the same RDMs and flags read back, and readable by plain xarray."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform

from lens_pipeline.errors import StoreError
from lens_pipeline.rsa.rdm_files import rdms_of_tree, read_rdms, write_rdms
from lens_pipeline.rsa.rdms import Flag, LayerPass, RdmSet, compute_rdms
from lens_pipeline.rsa.references.files import read_reference

if TYPE_CHECKING:
    from pathlib import Path

IDS = ["a", "b/ü", "c", "d", "e"]
PATTERNS = np.random.default_rng(2).random((4, 5, 30))


def _set() -> RdmSet:
    parts = [("V1", 1, PATTERNS[0]), ("IT", 1, np.ones((5, 3))), ("IT", 2, PATTERNS[1])]
    return compute_rdms(
        [LayerPass(layer, number, lambda a=array: [a]) for layer, number, array in parts],
        stimulus_ids=IDS,
    )


def test_a_set_is_read_back_to_the_bit(tmp_path: Path) -> None:
    """Values, labels, flags, parts and method survive."""
    before = _set()
    write_rdms(tmp_path / "rdms.nc", before, attrs={"model": "net", "stand_in": None})
    after = read_rdms(tmp_path)
    np.testing.assert_array_equal(after.rdms.dissimilarities, before.rdms.dissimilarities)
    assert after.rdms.rdm_descriptors == before.rdms.rdm_descriptors
    assert after.rdms.pattern_descriptors == before.rdms.pattern_descriptors
    assert (after.flags, after.parts, after.method) == (before.flags, before.parts, before.method)
    reason = "its pattern is the same for all stimuli, so it carries no signal"
    assert after.flags == (Flag("IT", 1, reason),)


def test_the_file_is_one_labelled_dataset(tmp_path: Path) -> None:
    """Dims (layer, pass, stimulus, stimulus_b); NaN where there is no RDM; n_passes(layer)."""
    write_rdms(tmp_path / "rdms.nc", _set(), attrs={"model": "net"})
    with xr.open_dataset(tmp_path / "rdms.nc") as data:
        assert data["rdm"].dims == ("layer", "pass", "stimulus", "stimulus_b")
        assert data["rdm"].dtype == np.float32
        found = data["rdm"].sel({"layer": "IT", "pass": 2, "stimulus": "b/ü", "stimulus_b": "e"})
        wanted = squareform(pdist(PATTERNS[1], "correlation"))
        assert float(found) == pytest.approx(wanted[1, 4], abs=1e-6)
        assert data["rdm"].sel({"layer": ["V1", "IT"], "pass": 1})[1].isnull().all()
        assert data["rdm"].sel({"layer": "V1", "pass": 2}).isnull().all()
        assert data["flag"].sel({"layer": "V1"}).to_numpy().tolist() == ["", "absent"]
        assert data["layer"].to_numpy().tolist() == ["V1", "IT"]
        assert data["time_step"].to_numpy().tolist() == [0, 1]
        assert data["n_passes"].to_numpy().tolist() == [1, 2]
        assert data.attrs["model"] == "net"


def test_the_file_is_a_reference_by_layer_and_pass(tmp_path: Path) -> None:
    """One run can be compared with another; LAYER alone is enough where one pass has an RDM."""
    write_rdms(tmp_path / "rdms.nc", _set())
    for key in ("IT", "IT:2"):
        found = read_reference(tmp_path / "rdms.nc", key)
        assert found.ids == tuple(IDS)
        wanted = pdist(PATTERNS[1], "correlation")
        np.testing.assert_allclose(squareform(found.values[0]), wanted, atol=1e-6)


def test_another_file_is_refused(tmp_path: Path) -> None:
    """A missing file and a file that is no store are StoreErrors."""
    with pytest.raises(StoreError, match=r"rdms\.nc"):
        read_rdms(tmp_path)
    (tmp_path / "rdms.nc").write_bytes(b"nothing")
    with pytest.raises(StoreError, match=r"rdms\.nc"):
        read_rdms(tmp_path)


def test_rdms_of_a_tree_are_those_of_its_arrays() -> None:
    """Each layer and pass of an opened tree is read by id and measured."""
    values = PATTERNS.reshape(2, 2, 5, 6, 5).transpose(2, 0, 1, 3, 4).astype(np.float32)
    tree = xr.DataTree.from_dict(
        {
            f"/{name}": xr.Dataset(
                {"activation": (("stimulus", "pass", "channel", "row"), values[:, part])},
                coords={"stimulus": IDS, "pass": [1, 2]},
            )
            for part, name in enumerate(("V1", "IT"))
        }
    )
    for name in ("V1", "IT"):
        tree[name]["activation"].attrs["layer"] = name
    found = rdms_of_tree(tree)
    assert found.rdms.rdm_descriptors["name"] == ["V1:1", "V1:2", "IT:1", "IT:2"]
    for row, patterns in enumerate(PATTERNS):
        wanted = pdist(patterns.astype(np.float32), "correlation")
        np.testing.assert_allclose(found.rdms.dissimilarities[row], wanted, atol=1e-6)
