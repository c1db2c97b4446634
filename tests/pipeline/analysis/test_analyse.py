"""References, tables and figures of a run, and open_run's view of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from lens_pipeline import open_run
from lens_pipeline.errors import ComparisonError, ConfigError, StoreError
from lens_pipeline.pipeline import console
from lens_pipeline.pipeline.job.job import run_job


@pytest.fixture
def brain(study: Path) -> Path:
    """Two subjects' RDMs of the six images, ids in reverse order."""
    random = np.random.default_rng(1)
    stack = np.stack([squareform(random.random(15)) for _ in range(2)])
    path = study / "brain.npz"
    np.savez(path, IT=stack, ids=np.array([f"image{n}" for n in range(5, -1, -1)]))
    return path


def test_scores_are_spearmans_joined_by_id(study: Path, plain: dict[str, Any], brain: Path) -> None:
    """SciPy computes the same from the stored activations and the re-ordered reference."""
    plain["rsa"] = {"reference": "brain.npz:IT", "measure": ["spearman", "cosine"]}
    run = open_run(run_job(plain))
    rows = run.scores.set_index(["layer", "pass", "measure"])
    reference = np.load(brain)["IT"][:, ::-1, ::-1]
    with run.activations as tree:
        conv = tree["conv"]["activation"].to_numpy()[:, 0].reshape(6, -1).astype(float)
    rdm = pdist(conv, "correlation")
    expected = np.mean([spearmanr(rdm, squareform(one)).statistic for one in reference])
    assert rows.loc[("conv", 1, "spearman"), "score"] == pytest.approx(expected, abs=1e-5)
    assert set(rows.index.get_level_values("measure")) == {"spearman", "cosine"}
    assert len(rows) == 2 * 4
    written = pd.read_csv(run.folder / "scores.csv")
    np.testing.assert_allclose(written["score"], run.scores["score"])
    assert (run.folder / "figures/scores_spearman.png").stat().st_size > 10_000


def test_two_references_of_one_name_are_refused_before_the_run(
    study: Path, plain: dict[str, Any], brain: Path
) -> None:
    """What could not be told apart in the table is refused before anything is computed."""
    plain["rsa"] = {"reference": ["brain.npz:IT", "brain.npz:IT"]}
    with pytest.raises(ComparisonError, match="Two references are called brain:IT"):
        run_job(plain)
    assert not list(study.rglob("*.nc"))


def test_a_run_is_opened_with_labels(study: Path, plain: dict[str, Any]) -> None:
    """RDMs know their layer and pass, layers.csv every pair, the record its config."""
    run = open_run(str(run_job(plain)))
    assert run.rdms.rdm_descriptors["name"] == ["conv:1", "cell:1", "cell:2", "cell:3"]
    assert run.layers.loc["cell:2", "cell:2"] == pytest.approx(1)
    assert run.config["layers"] == ["conv", "cell"]
    assert run.stand_ins == ()
    assert len(run.scores) == 0


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    """The sentence names the folder."""
    with pytest.raises(StoreError, match=r"There is no run in .*: it has no record.json"):
        open_run(tmp_path)


def test_an_unfinished_run_says_so(study: Path, plain: dict[str, Any]) -> None:
    """What is there can be looked at, what is not is named."""
    folder = run_job(plain)
    (folder / "scores.parquet").unlink()
    with pytest.raises(StoreError, match=r"There is no out/scores\.parquet yet"):
        _ = open_run(Path("out")).scores


def test_a_reference_that_does_not_fit_stops_the_run_at_once(
    study: Path, plain: dict[str, Any]
) -> None:
    """Before any activation is computed."""
    np.savez(study / "other.npz", rdm=squareform(np.arange(1.0, 16)), ids=list("abcdef"))
    plain["rsa"] = {"reference": "other.npz:rdm"}
    with pytest.raises(ComparisonError, match=r"rsa\.align=position"):
        run_job(plain)
    assert not (study / "out").exists()


def test_a_changed_reference_is_compared_again(
    study: Path, plain: dict[str, Any], brain: Path
) -> None:
    """Its content counts, not its name."""
    plain["rsa"] = {"reference": "brain.npz:IT"}
    before = open_run(run_job(plain)).scores
    np.savez(
        brain,
        IT=np.stack([squareform(np.arange(15.0) + 1)] * 2),
        ids=np.array([f"image{n}" for n in range(6)]),
    )
    after = open_run(run_job(plain)).scores
    assert (before["score"] != after["score"]).all()


def test_what_was_not_asked_for_is_named_with_what_makes_it(
    study: Path, plain: dict[str, Any]
) -> None:
    """A finished run has its health, and says how to get what it lacks."""
    run = open_run(run_job(plain))
    assert list(run.health["layer"]) == ["conv", "cell", "cell", "cell"]
    for name, setting in (("time", "rsa.time_mapping"), ("comparisons", "rsa.bootstrap")):
        with pytest.raises(StoreError, match=rf"{name}\.csv yet; .* again with .*{setting}"):
            getattr(run, name)


def test_times_of_one_region_are_told_in_one_line(
    study: Path, plain: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Hundreds of time bins share one account of the join."""
    random = np.random.default_rng(1)
    ids = np.array([f"image{n}" for n in range(6)])
    np.savez("meg.npz", rates=random.normal(size=(6, 4, 3)), stimulus_id=ids, time=[0, 10, 20])
    plain["rsa"] = {"reference": "meg.npz:rates"}
    caplog.set_level("INFO")
    run_job(plain)
    told = [text for text in caplog.messages if text.startswith("reference ")]
    assert told == ["reference meg:rates, 3 times: 6 stimuli matched by id"]


def test_making_rdms_shows_how_far_it_is(
    study: Path,
    plain: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of many stimuli a layer takes minutes."""
    monkeypatch.setattr(console, "_EVERY", -1)
    run_job(plain)
    said = capsys.readouterr().err
    assert [f"making RDMs: {share}%" in said for share in (25, 50, 75, 100)] == [True] * 4


def test_no_rdms_where_none_are_wanted(study: Path, plain: dict[str, Any], brain: Path) -> None:
    """Activations and health alone; what an earlier analysis made of them is not left lying."""
    folder = run_job({**plain, "rsa": {"reference": "brain.npz:IT", "cka": True}})
    made = {path.name for path in folder.iterdir()}
    assert {"rdms.nc", "scores.csv", "layers.csv", "cka.csv", "figures"} <= made
    assert run_job({**plain, "rsa": {"method": "none"}}) == folder
    left = {path.name for path in folder.rglob("*") if path.suffix in {".csv", ".svg", ".nc"}}
    shards = {path.name for path in (folder / "shards").iterdir()}
    assert left - shards == {"activations.nc", "health.csv"}
    assert open_run(folder).record.analysis["rdms"] == 0
    for wanting in ({"reference": "brain.npz:IT"}, {"online": True}):
        with pytest.raises(ConfigError, match=r"rsa\.method=none makes no RDMs"):
            run_job({**plain, "rsa": {"method": "none", **wanting}})
