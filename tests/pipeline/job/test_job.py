"""The main job from config to run folder, and what a second run does again."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from lens_pipeline.errors import BudgetError, LensError, SelectorError, StimulusError, StoreError
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.job import describe_plan, run_job
from lens_pipeline.pipeline.job.record import read_record
from lens_pipeline.pipeline.job.stages import run_folder
from lens_pipeline.store.lock import folder_lock


def shard_times(folder: Path) -> dict[str, int]:
    """When each shard was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "shards").glob("*.nc")}


def values(folder: Path, layer: str) -> np.ndarray:
    """One layer's values, read by xarray alone."""
    with xr.open_datatree(folder / "activations.nc") as tree:
        return tree[layer]["activation"].to_numpy()


def test_a_job_leaves_everything_it_promises(study: Path, plain: dict[str, Any]) -> None:
    """Index, shards, RDMs, tables, figures, config and record; every pass of the loop is there."""
    folder = run_job(plain)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {
        "activations.nc",
        "rdms.nc",
        "scores.csv",
        "scores.parquet",
        "layers.csv",
        "config.yaml",
        "record.json",
        "figures/rdms.png",
    } <= names
    assert values(folder, "cell").shape == (6, 3, 4)
    with xr.open_datatree(folder / "activations.nc") as tree:
        assert tree["conv"]["stimulus"].to_numpy().tolist() == [f"image{n}" for n in range(6)]
        assert tree.attrs["model"] == "tiny"
    record = read_record(folder)
    assert record
    assert record.outputs["activations.nc"] == (folder / "activations.nc").stat().st_size
    assert not [path for path in study.iterdir() if path.name in ("outputs", "multirun")]


def test_a_finished_job_is_recognised(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written again."""
    folder = run_job(plain)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    capsys.readouterr()
    run_job(plain)
    assert "already complete: out" in capsys.readouterr().out.replace(str(study) + "/", "")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_what_is_deleted_is_made_again_and_no_more(study: Path, plain: dict[str, Any]) -> None:
    """A lost shard costs one task; a lost table none."""
    folder = run_job(plain)
    wanted, before = values(folder, "cell"), shard_times(folder)
    assert len(before) == 6
    lost = sorted(before)[2]
    (folder / "shards" / lost).unlink()
    (folder / "scores.csv").unlink()
    run_job(plain)
    after = shard_times(folder)
    assert {name for name in before if before[name] != after[name]} == {lost}
    assert (folder / "scores.csv").is_file()
    np.testing.assert_array_equal(values(folder, "cell"), wanted)


def test_one_changed_image_costs_one_task(study: Path, plain: dict[str, Any]) -> None:
    """Its old shard goes once the new index is there."""
    folder = run_job(plain)
    wanted, before = values(folder, "cell"), shard_times(folder)
    Image.new("RGB", (16, 16), "red").save(study / "images" / "image3.png")
    run_job(plain)
    after = shard_times(folder)
    assert len(after) == 6
    assert len(before.items() & after.items()) == 5
    changed = np.flatnonzero((values(folder, "cell") != wanted).any(axis=(1, 2)))
    assert changed.tolist() == [3]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda study, plain: plain["model"].update(seed=1), id="seed"),
        pytest.param(lambda study, plain: plain.update(postfunction=["flatten"]), id="chain"),
        pytest.param(lambda study, plain: plain["runtime"].update(threads=2), id="threads"),
        pytest.param(
            lambda study, plain: plain["model"]["preprocessing"].update(mean=[0, 0, 0]),
            id="transform",
        ),
        pytest.param(
            lambda study, plain: (study / "tiny_net.py").write_text(
                (study / "tiny_net.py").read_text() + "\n# other source\n"
            ),
            id="source",
        ),
    ],
)
def test_nothing_old_is_served_after_a_change(
    study: Path, plain: dict[str, Any], change: Any
) -> None:
    """Every shard is made anew when what all of them depend on is another."""
    plain["runtime"] = {}
    folder = run_job(plain)
    before = shard_times(folder)
    change(study, plain)
    run_job(plain)
    assert not before.keys() & shard_times(folder).keys()


def test_weights_that_the_users_function_loads_are_noticed(
    study: Path, plain: dict[str, Any]
) -> None:
    """The function's file is the same and what it returns is not."""
    source = (study / "tiny_net.py").read_text()
    source = source.replace("manual_seed(0)", "manual_seed(int(Path('seed').read_text()))")
    source = f"from pathlib import Path\n{source}"
    (study / "tiny_net.py").write_text(source)
    (study / "seed").write_text("1")
    folder = run_job(plain)
    before = values(folder, "cell")
    (study / "seed").write_text("2")
    run_job(plain)
    assert (values(folder, "cell") != before).any()


def test_another_measure_needs_no_forward_pass(study: Path, plain: dict[str, Any]) -> None:
    """The shards stay as they are; the tables are made again."""
    folder = run_job(plain)
    before, table = shard_times(folder), (folder / "layers.csv").read_text()
    run_job({**plain, "rsa": {"measure": "cosine"}})
    assert shard_times(folder) == before
    assert (folder / "layers.csv").read_text() != table


def test_a_new_image_is_noticed(study: Path, plain: dict[str, Any]) -> None:
    """A folder is listed again although no old file has changed."""
    folder = run_job(plain)
    shutil.copy(study / "images" / "image0.png", study / "images" / "image9.png")
    run_job(plain)
    assert values(folder, "cell").shape[0] == 7


def test_two_executors_give_one_store(study: Path, plain: dict[str, Any]) -> None:
    """Serial and two Dask processes agree in every value, label and attribute."""
    plain["layers"] = ["conv", "cell:2-3"]
    one = run_job(plain)
    plain["run"] = {"folder": "dask", "shard_megabytes": 0.005}
    plain["executor"] = {"name": "dask", "workers": 2}
    other = run_job(plain)
    with (
        xr.open_datatree(one / "activations.nc") as first,
        xr.open_datatree(other / "activations.nc") as second,
    ):
        assert first.identical(second)


def test_a_wrong_layer_leaves_nothing(study: Path, plain: dict[str, Any]) -> None:
    """A run that cannot start makes no folder."""
    plain["layers"] = ["covn"]
    with pytest.raises(SelectorError, match="conv"):
        run_job(plain)
    assert not (study / "out").exists()


def test_a_busy_folder_is_refused(study: Path, plain: dict[str, Any]) -> None:
    """Two runs never write into one folder."""
    with folder_lock(study / "out"), pytest.raises(StoreError, match="being written"):
        run_job(plain)


def test_too_small_a_disk_is_refused(
    study: Path, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence has the arithmetic and the nearest change; nothing is left."""
    monkeypatch.setattr("lens_pipeline.pipeline.job.budget.free_bytes", lambda _folder: 2000)
    with pytest.raises(BudgetError, match=r"6 stimuli x .* 2.0 kB free; .*spatial_mean"):
        run_job(plain)
    assert not (study / "out").exists()


def test_an_undecodable_image_stops_the_run_and_can_be_skipped(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named; with on_error=skip it is left out, recorded and said."""
    (study / "images" / "image4.png").write_bytes(b"no image")
    with pytest.raises(StimulusError, match=r"image4.png"):
        run_job(plain)
    record = read_record(study / "out")
    assert record
    assert record.failure
    assert "image4.png" in record.failure
    plain["stimuli"]["on_error"] = "skip"
    folder = run_job(plain)
    assert values(folder, "cell").shape[0] == 5
    assert "left out: image4.png" in capsys.readouterr().out
    run_job(plain)
    assert "already complete" in capsys.readouterr().out


def test_a_plan_runs_and_writes_nothing(study: Path, plain: dict[str, Any]) -> None:
    """Layers, passes, shapes, bytes, memory and time are told."""
    before = set(study.rglob("*"))
    text = describe_plan(plain)
    assert [line.split()[:2] for line in text.splitlines()[:3]] == [
        ["layer", "passes"],
        ["conv", "1"],
        ["cell", "1-3"],
    ]
    assert "channel 4 x row 16 x col 16" in text
    for word in ("stimuli ", "folder ", "on disk ", "memory ", "time "):
        assert f"\n{word}" in text
    assert {path for path in study.rglob("*") if "__pycache__" not in path.parts} == before


def test_a_damaged_record_is_replaced(
    study: Path, plain: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The run says so and goes on; complete shards are kept."""
    folder = run_job(plain)
    before = shard_times(folder)
    (folder / "record.json").write_text("{")
    run_job(plain)
    assert "record.json is damaged" in caplog.text
    assert shard_times(folder) == before


def test_a_failure_in_the_analysis_keeps_the_activations(
    study: Path, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run only analyses."""

    def fail(*_: Any) -> None:
        raise LensError("no analysis today")

    with monkeypatch.context() as patch:
        patch.setattr("lens_pipeline.pipeline.analysis.analyse.analyse", fail)
        with pytest.raises(LensError, match="no analysis today"):
            run_job(plain)
    before = shard_times(study / "out")
    folder = run_job(plain)
    assert shard_times(folder) == before
    assert (folder / "rdms.nc").is_file()


def test_the_default_folder_says_model_stimuli_and_stand_in(
    study: Path, plain: dict[str, Any]
) -> None:
    """Eight digits of the config tell jobs apart; a sweep's jobs lie in run.folder."""
    config = read_config({**plain, "run": {}})
    name = run_folder(config, stand_in=True).name
    assert name.startswith("tiny-images-")
    assert name.endswith("-stand-in")
    assert len(name) == len("tiny-images-12345678-stand-in")
    inside = run_folder(read_config(plain), stand_in=False, sweep=True)
    assert inside.parent == study / "out"
    assert os.path.relpath(run_folder(read_config(plain), stand_in=False)) == "out"
