"""Jobs are made ready: the seed of trained weights is of no consequence, that of others is."""

import logging
from pathlib import Path
from typing import Any

import pytest

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.config import Config, read_config
from lens_pipeline.pipeline.job.stages import Ready, get_ready
from tests.pipeline.sweep.test_run import job_folders, rows, shards

# A network of our own, trained or not, and as little of everything as goes.
SMALL = (
    *("model=cornet_z", "model.preprocessing.crop=32", "model.preprocessing.resize=32"),
    *("stimuli=folder", "stimuli.root=images", "layers=[decoder.avgpool]"),
)


@pytest.fixture
def weights(study: Path) -> Path:
    """A file of weights, as training leaves one."""
    import torch

    from lens_pipeline.models.loading import load_model
    from lens_pipeline.models.spec import ModelSpec

    file = study / "weights.pth"
    loaded = load_model(ModelSpec("cornet", "cornet_z", "random", seed=7))
    torch.save(loaded.module.state_dict(), file)
    return file


def config(**model: Any) -> Config:
    """What to do with a CORnet-Z."""
    return read_config(
        {
            "model": {"source": "cornet", "name": "cornet_z", **model},
            "stimuli": {"source": "folder", "name": "folder", "root": "images"},
        }
    )


def ready(**model: Any) -> Ready:
    """That job, ready."""
    return get_ready(config(**model), sweep=False)


def test_one_folder_for_all_seeds_of_trained_weights(
    weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The spec that decides the keys of tasks has no seed either; it is said."""
    zero, one = ready(weights=str(weights)), ready(weights=str(weights), seed=1)
    assert not caplog.records
    with caplog.at_level(logging.INFO):
        two = ready(weights=str(weights), seed=2)
    assert "model.seed=2 changes nothing where weights are trained" in caplog.text
    assert zero.folder == one.folder == two.folder
    assert zero.config == one.config == two.config
    assert one.inputs.model.spec.seed == 0


def test_random_weights_have_a_folder_for_each_seed(study: Path) -> None:
    """Also where they stand in for weights that are not there, and in a user's own network."""
    for model in ({"weights": "random"}, {}, {"source": "target", "target": "tiny_net:net"}):
        first, second = ready(**model, seed=1), ready(**model, seed=2)
        assert first.folder != second.folder
        assert [one.inputs.model.spec.seed for one in (first, second)] == [1, 2]
        assert [one.config.model.seed for one in (first, second)] == [1, 2]


def test_a_sweep_computes_trained_weights_once(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three seeds of trained and of random weights are four jobs, and are found again."""
    words = ["-m", *SMALL, f"model.weights={weights.name},random", "model.seed=1,2,0"]
    assert main(["plan", *words]) == 0
    captured = capsys.readouterr()
    assert "4 of 4 jobs to do" in captured.out
    assert captured.err.count(" asks for the same as ") == 2
    assert main([*words, "run.folder=out"]) == 0
    captured = capsys.readouterr()
    first = "model.weights=weights.pth,model.seed=1"
    for seed in (2, 0):
        name = f"model.weights=weights.pth,model.seed={seed}"
        assert f"{name} asks for the same as {first} and is left out" in captured.err
    folder = Path("out")
    assert len(set(job_folders(folder))) == 4
    seeds = [(Path(row["weights"]).name, row["seed"]) for row in rows(folder)]
    assert seeds == [("weights.pth", "0"), *(("random", seed) for seed in "120")]
    before = shards(folder)
    assert main([*words, "run.folder=out"]) == 0
    assert "sweep: 4 jobs, 4 of them done before" in capsys.readouterr().err
    assert shards(folder) == before
    assert main([*SMALL, "model.weights=weights.pth", "model.seed=5", "run.folder=one"]) == 0
    assert main([*SMALL, "model.weights=weights.pth", "model.seed=6", "run.folder=one"]) == 0
    assert "already complete: " in capsys.readouterr().out
