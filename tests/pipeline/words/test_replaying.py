"""`replay RUN`: the same again, and what differs where it is not."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lens_pipeline
from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.words.options import recorded_run
from lens_pipeline.pipeline.words.replaying import Difference, Replay, describe, replay
from lens_pipeline.store.index import write_index
from lens_pipeline.store.shards import open_shard, read_shard
from lens_pipeline.store.trees import layer, open_activations


def _content(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _rewrite(folder: Path, change: Any) -> None:
    """Put other values into a run, sealed and indexed as if they had been computed."""
    (path,) = (folder / "shards").glob("*.nc")  # all stimuli are in one
    shard = read_shard(path)
    with open_activations(folder) as tree:
        values = {(s.name, s.run): layer(tree, s.name).to_numpy() for s in shard.layers}
        attrs = {
            name: value for name, value in tree.attrs.items() if name not in ("kind", "shards")
        }
    change(values)
    ids = shard.stimulus_ids
    with open_shard(path, layers=shard.layers, stimulus_ids=ids, attrs={}) as writer:
        writer.write(0, values)
    write_index(folder, [read_shard(path)], stimulus_ids=ids, labels={}, attrs=attrs)


def test_a_run_is_reproduced_bit_for_bit(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0; the run is as it was and nothing stays behind."""
    folder = run_job(plain)
    before = _content(folder)
    capsys.readouterr()
    assert main(["replay", "out"]) == 0
    assert capsys.readouterr().out == "out: reproduced bit for bit, all 4 layers and passes\n"
    assert _content(folder) == before
    assert not list(study.glob(".replay-*"))


def test_a_value_that_differs_is_found_with_its_layer(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and how far; a tolerance that allows it makes it 0."""
    plain["run"]["shard_megabytes"] = 1
    folder = run_job(plain)

    def change(values: dict[Any, np.ndarray]) -> None:
        values["cell", None][2, 1, 0] += 1e-3

    _rewrite(folder, change)
    with open_activations(folder) as tree:
        largest = np.abs(layer(tree, "cell").to_numpy()[:, 1]).max()
    found = replay(folder)
    differing = [one for one in found.layers if one.n_different]
    assert [(one.layer, one.number, one.n_different) for one in differing] == [("cell", 2, 1)]
    assert differing[0].relative == pytest.approx(1e-3 / largest, rel=1e-3)
    assert main(["replay", "out"]) == 1
    out = capsys.readouterr().out
    assert "not reproduced, 1 of 4 layers and passes differ from what they were" in out
    assert "1 of 24" in out
    assert main(["replay", "out", "tolerance=0.1"]) == 0
    assert "reproduced to 0.1, 1 of 4 differ" in capsys.readouterr().out


def test_nan_is_never_within_a_tolerance(study: Path, plain: dict[str, Any]) -> None:
    """Where the replay has a number."""
    plain["run"]["shard_megabytes"] = 1
    folder = run_job(plain)

    def change(values: dict[Any, np.ndarray]) -> None:
        values["conv", None][0, 0, 0] = np.nan

    _rewrite(folder, change)
    found = lens_pipeline.replay(folder, tolerance=1e9)
    assert not found.ok
    assert max(one.relative for one in found.layers) == np.inf


def test_what_a_run_was_made_from_is_compared(
    study: Path, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other weights and another version are named."""
    folder = run_job(plain)
    record = folder / "record.json"
    version = recorded_run(folder).versions["torch"]
    record.write_text(record.read_text().replace(f'"torch": "{version}"', '"torch": "1.0"'))
    source = (study / "tiny_net.py").read_text().replace("manual_seed(0)", "manual_seed(1)")
    (study / "tiny_net.py").write_text(source)

    monkeypatch.delitem(sys.modules, "tiny_net")
    found = replay(folder)
    assert not found.ok
    assert f"versions.torch was 1.0 and is {version}" in found.sources
    assert any(clause.startswith("structure.weights_digest was ") for clause in found.sources)
    assert "changed since: versions.torch was 1.0" in describe(found)


def test_other_stimuli_are_refused(study: Path, plain: dict[str, Any]) -> None:
    """Nothing is compared by position."""
    folder = run_job(plain)
    (study / "images" / "image0.png").rename(study / "images" / "other.png")
    with pytest.raises(StoreError, match=r"The stimuli of \S+out are others now"):
        replay(folder)


def test_the_verdict_shows_the_worst_layers() -> None:
    """Ten of them, and structure that has changed."""
    layers = tuple(Difference(f"l{n}", 1, n / 100, n, 100) for n in range(20))
    found = Replay(Path("run"), (), layers, ("x:1 is gone",), 0.0)
    text = describe(found)
    assert "19 of 20 layers and passes differ" in text
    assert "structure: x:1 is gone" in text
    assert text.count(" of 100") == 10
    assert text.splitlines()[4].startswith("l19")
