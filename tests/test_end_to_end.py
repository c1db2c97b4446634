"""The main job as a user starts it, on CORnets, down to what other programs read from disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from lens_pipeline import open_run
from lens_pipeline.extraction import load_example
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.resources import stimuli_folder

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["model.preprocessing.resize=64", "model.preprocessing.crop=64", "runtime.batch_size=8"]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "lens_pipeline", *words]


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own and return what it said."""
    return subprocess.run(
        command(*words), cwd=cwd, capture_output=True, text=True, check=True, timeout=300
    )


def assert_same_store(one: xr.DataTree, other: xr.DataTree) -> None:
    """Every group has the same values and labels; only facts about the run may differ."""
    assert one.groups == other.groups
    for group in one.groups:
        xr.testing.assert_equal(one[group].to_dataset(), other[group].to_dataset())


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job of the README on a machine with nothing, at 64 pixels; the run folder."""
    place = tmp_path_factory.mktemp("place")
    run("model=cornet_s", "stimuli=things", "runtime.threads=1", *SMALL, cwd=place)
    (folder,) = (place / "runs").iterdir()
    return folder


def test_a_fresh_machine_gets_stand_ins_that_cannot_be_overlooked(stand_in: Path) -> None:
    """The folder's name, the record, the store and the table all say that things stood in."""
    assert stand_in.name.startswith("cornet_s-things-")
    assert stand_in.name.endswith("-stand-in")
    record = json.loads((stand_in / "record.json").read_text())
    assert [text.split(" ")[0] for text in record["stand_ins"]] == ["Random", "The"]
    with xr.open_datatree(stand_in / "activations.nc") as tree:
        assert "Random weights" in tree.attrs["stand_in"]
    assert {path.name for path in (stand_in / "figures").glob("*.png")} == {
        *("rdms.png", "layers.png", "likeness.png")
    }


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_both_engines_open_the_tree_with_every_pass(stand_in: Path, engine: str) -> None:
    """Areas have 1, 2, 4 and 2 passes, and a group opened alone has its stimulus ids."""
    with xr.open_datatree(stand_in / "activations.nc", engine=engine) as tree:
        passes = {name: list(group["pass"].values) for name, group in tree.children.items()}
        assert passes == {
            "V1.output": [1],
            "V2.output": [1, 2],
            "V4.output": [1, 2, 3, 4],
            "IT.output": [1, 2],
            "decoder.avgpool": [1],
        }
        v4 = tree["V4.output"]["activation"]
        assert v4.dims == ("stimulus", "pass", "channel", "row", "col")
        one = v4.sel({"pass": 2, "stimulus": "apple_01b"})
        assert one.shape == (256, 4, 4)
        assert int(one["time_step"]) == 1
    with xr.open_dataset(stand_in / "activations.nc", group="IT.output", engine=engine) as group:
        assert group["stimulus"].to_numpy()[0] == "apple_01b"
        assert group.sizes["stimulus"] == 64


def test_values_are_those_of_a_plain_forward_pass(stand_in: Path) -> None:
    """Four stimuli through the bare model, with a plain hook on V4, give the stored values."""
    spec = ModelSpec("cornet", "cornet_s", "random", preprocessing=(("crop", 64), ("resize", 64)))
    loaded = load_model(spec)
    seen: list[torch.Tensor] = []
    loaded.module.get_submodule("V4.output").register_forward_hook(
        lambda _m, _a, out: seen.append(out.clone())
    )
    ids = ["apple_01b", "dog_02b", "mug_03b", "turtle_04b"]
    files = [stimuli_folder() / f"sample/object_images/{i.split('_')[0]}/{i}.jpg" for i in ids]
    with torch.no_grad():
        loaded.module(torch.stack([load_example(file, loaded.transform) for file in files]))
    with xr.open_datatree(stand_in / "activations.nc") as tree:
        stored = tree["V4.output"]["activation"].sel(stimulus=ids).to_numpy()
    expected = torch.stack(seen, dim=1).numpy()
    np.testing.assert_allclose(stored, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_finished_job_is_recognised_in_three_seconds(stand_in: Path) -> None:
    """The same command again runs no forward pass, loads no torch and changes no file."""
    before = {path: path.stat().st_mtime_ns for path in stand_in.rglob("*") if path.is_file()}
    start = time.perf_counter()
    words = ["model=cornet_s", "stimuli=things", "runtime.threads=1", *SMALL]
    said = run(*words, cwd=stand_in.parents[1])
    assert time.perf_counter() - start < 3
    assert "complete" in said.stdout
    after = {path: path.stat().st_mtime_ns for path in stand_in.rglob("*") if path.is_file()}
    assert after == before


def test_constant_passes_are_flagged_and_kept_out(tmp_path: Path) -> None:
    """CORnet-RT's areas before the signal arrives have no RDM, and the run says which."""
    words = ["model=cornet_rt", "model.weights=random", "stimuli=sample", "stimuli.limit=16"]
    said = run(*words, *SMALL, "run.folder=rt", cwd=tmp_path)
    constant = ["V2.output:1", "V4.output:1", "V4.output:2"]
    constant += ["IT.output:1", "IT.output:2", "IT.output:3"]
    for name in constant:
        assert f"left out: {name}:" in said.stdout
    rdms = open_run(tmp_path / "rt").rdms
    kept = list(zip(rdms.rdm_descriptors["layer"], rdms.rdm_descriptors["pass"], strict=True))
    assert len(kept) == 21 - len(constant)
    assert ("IT.output", 4) in kept
    assert np.isfinite(rdms.dissimilarities).all()


def test_serial_and_two_workers_give_one_store(tmp_path: Path) -> None:
    """Values and labels are identical, whoever computed them."""
    words = ["model=cornet_s", "model.weights=random", "stimuli=sample", "stimuli.limit=40"]
    layers = "layers=[V2.output,V4.conv1,IT.output:2]"
    run(*words, layers, *SMALL, "run.folder=one", cwd=tmp_path)
    run(
        *words, layers, *SMALL, "run.folder=two", "executor=dask", "executor.workers=2",
        cwd=tmp_path,
    )  # fmt: skip
    with (
        xr.open_datatree(tmp_path / "one" / "activations.nc") as one,
        xr.open_datatree(tmp_path / "two" / "activations.nc") as two,
    ):
        assert one["V4.conv1"].children.keys() == {"run_1", "run_2"}
        assert_same_store(one, two)


def test_killed_run_ends_with_the_same_store(tmp_path: Path) -> None:
    """SIGKILL after the first shard, then the same command: the store of an undisturbed run."""
    words = ["model=cornet_s", "model.weights=random", "stimuli=sample"]
    words += ["layers=[V4.output]", *SMALL]
    process = subprocess.Popen(
        command(*words, "run.folder=killed"),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    shards = tmp_path / "killed" / "shards"
    while process.poll() is None and not list(shards.glob("*.nc")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    first = {path: path.stat().st_mtime_ns for path in shards.glob("[0-9a-f]*.nc")}
    assert 0 < len(first) < 4
    run(*words, "run.folder=killed", cwd=tmp_path)
    assert all(path.stat().st_mtime_ns == mtime for path, mtime in first.items())
    run(*words, "run.folder=whole", cwd=tmp_path)
    with (
        xr.open_datatree(tmp_path / "killed" / "activations.nc") as killed,
        xr.open_datatree(tmp_path / "whole" / "activations.nc") as whole,
    ):
        assert_same_store(killed, whole)


def test_reference_joined_by_id_scores_itself_highest(stand_in: Path, tmp_path: Path) -> None:
    """A layer's own RDM in shuffled order, as a reference with ids, is matched by id: rho is 1."""
    rdms = open_run(stand_in).rdms.subset("layer", "decoder.avgpool")
    ids = list(rdms.pattern_descriptors["stimulus_id"])
    square = pd.DataFrame(rdms.get_matrices()[0], index=ids, columns=ids)
    order = np.random.default_rng(0).permutation(ids)
    square.loc[order, order].to_csv(tmp_path / "reference.csv")
    words = ["model=cornet_s", "model.weights=random", "stimuli=sample", *SMALL]
    run(*words, "rsa.reference=reference.csv", "run.folder=compared", cwd=tmp_path)
    scores = open_run(tmp_path / "compared").scores.set_index(["layer", "pass"])["score"]
    assert scores["decoder.avgpool", 1] == pytest.approx(1)
    assert scores.idxmax() == ("decoder.avgpool", 1)
