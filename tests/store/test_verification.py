from __future__ import annotations

import dataclasses
import shutil

import h5py
import netCDF4
import numpy as np
import pytest

from lens_pipeline.store.index import write_index
from lens_pipeline.store.packing import scaling_of
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard, read_shard
from lens_pipeline.store.verification import Expected, find_damaged, verify_index, verify_shards


@pytest.fixture
def expected(toy_run, toy_layers, toy_ids):
    """What the two shards of the toy run have to be."""
    shards = toy_run / "shards"
    return [
        Expected(shards / "k0.nc", toy_ids[:2], toy_layers),
        Expected(shards / "k1.nc", toy_ids[2:], toy_layers),
    ]


def _all(run, expected):
    found = [*verify_shards(expected), *verify_index(run, [one.path for one in expected])]
    return [(finding.path.name, finding.what, finding.remake) for finding in found]


def test_a_whole_run_has_no_findings(toy_run, expected):
    """And every byte was counted."""
    seen = []
    assert not list(verify_shards(expected, done=seen.append))
    assert sum(seen) == sum(one.path.stat().st_size for one in expected)
    assert _all(toy_run, expected) == []


def test_a_shard_is_opened_once_whatever_its_layers(expected, toy_layers, monkeypatch):
    """Opening reads the names of all layers, so one opening a layer would be their square."""
    whole, opened = netCDF4.Dataset, []
    monkeypatch.setattr(netCDF4, "Dataset", lambda *a, **k: opened.append(a) or whole(*a, **k))
    assert not list(verify_shards(expected))
    assert len(toy_layers) > 1
    assert len(opened) == len(expected)


def test_a_moved_run_has_no_findings(toy_run, expected, tmp_path):
    """Also below a folder with a percent sign."""
    moved = tmp_path / "100% other"
    shutil.move(toy_run, moved)
    there = [dataclasses.replace(one, path=moved / "shards" / one.path.name) for one in expected]
    assert _all(moved, there) == []


@pytest.mark.parametrize("how", ["flip", "cut", "gone", "empty", "noise"])
def test_a_damaged_shard_is_named(toy_run, expected, how):
    """Every kind of damage is a sentence with the file's name, and can be made good."""
    path = expected[1].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    content = {"flip": data, "cut": data[:-100], "empty": b"", "noise": bytes(1000)}
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(content[how])
    found = list(verify_shards(expected))
    assert [(one.path, one.remake) for one in found] == [(path, True)]
    assert str(path) in found[0].what


@pytest.mark.parametrize("how", ["flip", "cut", "gone", "renamed"])
def test_damaged_shards_are_found_by_their_keys(toy_run, how):
    """One that is not there is not damaged; one under another's name is."""
    path, other = toy_run / "shards" / "k1.nc", toy_run / "shards" / "k0.nc"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes({"flip": data, "cut": data[:-100], "renamed": other.read_bytes()}[how])
    read = []
    found = find_damaged(toy_run / "shards", ["k0", "k1", "k2"], done=read.append)
    assert found == (frozenset() if how == "gone" else {"k1"})
    assert sum(read) == other.stat().st_size


def test_a_shard_of_something_else_is_named(toy_run, expected, toy_ids, toy_layers):
    """Whole and sealed, but with other stimuli or layers than the run has at its place."""
    others = [
        dataclasses.replace(expected[0], ids=toy_ids[1:3]),
        dataclasses.replace(expected[1], layers=toy_layers[:1]),
    ]
    found = [finding.what for finding in verify_shards(others)]
    assert "holds other stimuli than the run has at its place" in found[0]
    assert "holds other layers than the run has" in found[1]


@pytest.mark.parametrize("packed", [False, True])
def test_values_that_are_not_finite_are_counted(tmp_path, packed):
    """They are not damage: making the shard again would give them again."""
    values = np.random.default_rng(0).standard_normal((4, 1, 6), dtype="float32")
    spec = LayerSpec("l", None, (1,), ("feature",), (6,), "float32")
    if packed:
        spec = dataclasses.replace(spec, scaling=scaling_of(-5, 5))
    values[1, 0, 2] = np.nan
    values[3, 0, 0] = np.nan if packed else np.inf
    path, ids = tmp_path / "k.nc", ("a", "b", "c", "d")
    with open_shard(path, layers=[spec], stimulus_ids=ids, attrs={}) as shard:
        shard.write(0, {("l", None): values})
    (finding,) = verify_shards([Expected(path, ids, (spec,))])
    assert finding.what.startswith("2 values of l in ")
    assert not finding.remake


def test_an_index_that_shows_other_rows_is_named(toy_run, expected, toy_ids):
    """A layer's rows in the wrong file; an index over fewer shards; no index; no HDF5."""
    index = toy_run / "activations.nc"
    first = read_shard(expected[0].path)
    write_index(toy_run, [first], stimulus_ids=toy_ids, labels={}, attrs={})
    found = _all(toy_run, expected)
    assert len(found) == 4
    assert "does not show V1.output of 1 shards at their rows" in found[0][1]
    write_index(toy_run, [first], stimulus_ids=toy_ids[:2], labels={}, attrs={})
    assert "shows other stimuli than" in _all(toy_run, expected)[0][1]
    index.write_bytes(b"nothing")
    assert "cannot be read" in _all(toy_run, expected)[0][1]
    index.unlink()
    assert _all(toy_run, expected) == [("activations.nc", f"There is no {index}.", True)]


def test_rows_that_lie_elsewhere_are_found(toy_run, expected, toy_ids):
    """An index whose ids were put in another order than its rows."""
    shards = [read_shard(one.path) for one in expected]
    turned = toy_ids[2:] + toy_ids[:2]
    write_index(toy_run, shards, stimulus_ids=turned, labels={}, attrs={})
    with h5py.File(toy_run / "activations.nc", "r+") as file:
        file["stimulus"][:] = toy_ids
    found = _all(toy_run, expected)
    assert len(found) == 4
    assert all("of 2 shards at their rows" in what for _, what, _ in found)
