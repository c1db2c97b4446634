"""`verify RUN` on a real run, whole and damaged."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.words.verifying import verify_run
from lens_pipeline.store.trees import layer, open_activations


def _shards(folder: Path) -> list[Path]:
    return sorted((folder / "shards").glob("*.nc"))


def test_a_whole_run_is_said_to_be_whole(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0, one line."""
    run_job(plain)
    capsys.readouterr()
    assert main(["verify", "out"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("out: ")
    assert out.rstrip().endswith("every one whole, unchanged and in its place")


def test_damage_is_named_and_repaired(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence per shard and the command; the repair makes the same values and no others."""
    plain["run"]["shard_megabytes"] = 0.001
    folder = run_job(plain)
    with open_activations(folder) as tree:
        before = layer(tree, "conv").to_numpy()
    first, *others = _shards(folder)
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 4
    first.write_bytes(data)
    times = {path: path.stat().st_mtime_ns for path in others}
    assert main(["verify", "out"]) == 1
    out = capsys.readouterr().out
    assert f"The shard {Path('out') / 'shards' / first.name} differs from its checksum" in out
    assert "lens-pipeline verify out repair=true" in out
    assert main(["verify", "out", "repair=true"]) == 0
    assert {path: path.stat().st_mtime_ns for path in others} == times
    with open_activations(folder) as tree:
        np.testing.assert_array_equal(layer(tree, "conv").to_numpy(), before)


def test_a_table_that_was_changed_is_named(study: Path, plain: dict[str, Any]) -> None:
    """By its size; a missing figure too."""
    folder = run_job(plain)
    (folder / "scores.csv").write_text("nothing")
    (folder / "figures" / "rdms.png").unlink()
    found = [finding.what for finding in verify_run(folder).findings]
    assert len(found) == 2
    assert any("scores.csv has 7 bytes and had" in what for what in found)
    assert any("rdms.png is gone" in what for what in found)


def test_a_verify_that_is_killed_changes_nothing(study: Path, plain: dict[str, Any]) -> None:
    """It only reads."""
    folder = run_job(plain)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}
    command = [sys.executable, "-m", "lens_pipeline", "verify", "out"]
    environment = {**os.environ, "PYTHONPATH": str(study)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        process.kill()
    after = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}
    assert after == before
