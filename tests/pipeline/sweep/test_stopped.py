"""Sweeps that are stopped, by Ctrl-C or for good, in mid-extraction or later, go on from there."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from lens_pipeline.errors import StoreError
from lens_pipeline.extraction import load_example
from lens_pipeline.models.loading import load_model
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.config import model_spec
from lens_pipeline.pipeline.sweep.record import read_sweep
from lens_pipeline.store.lock import folder_lock
from tests.pipeline.sweep.test_run import SWEEP, shards
from tests.pipeline.test_cli import COMMAND

# The workers are at the third task of twelve; all activations are there, not all RDMs.
EXTRACTING, CONCLUDING = "extracting 3/", "jobs left to be concluded by the workers"


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
@pytest.mark.parametrize(
    ("executor", "when"), [("serial", EXTRACTING), ("dask", EXTRACTING), ("dask", CONCLUDING)]
)
def test_a_stopped_sweep_goes_on(
    nets: Path,
    executor: str,
    when: str,
    number: signal.Signals,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Finished shards are kept, what is missing is done: the values of a plain forward pass."""
    source = (nets / "tiny_net.py").read_text()
    slow = "import os, time\n" + source.replace(
        "x = torch.relu", "time.sleep(float(os.environ.get('TINY_SLEEPS', 0))); x = torch.relu"
    )
    (nets / "tiny_net.py").write_text(slow)
    words = [*SWEEP, "layers=[conv]", "run.folder=out"]
    assert _stopped([*words, f"executor={executor}"], number, nets, when) == code
    kept = shards(nets / "out")
    assert 1 <= len(kept) < 12 if when == EXTRACTING else len(kept) == 12
    _wait_for_workers(nets / "out")
    assert main(words) == 0
    assert kept.items() <= shards(nets / "out").items()
    _check_values(nets)
    main(["status", "out"])
    assert "2 jobs: 2 done" in capsys.readouterr().out


def _stopped(words: list[str], number: signal.Signals, folder: Path, when: str) -> int:
    """Start a sweep with slow networks, stop it once it says `when`, return its exit code."""
    told = folder / "told.txt"
    # a file, since workers of a killed run hold a pipe open until they have noticed
    with (
        told.open("w") as screen,
        subprocess.Popen(
            [*COMMAND, *words], stderr=screen, env={**os.environ, "TINY_SLEEPS": "0.1"}
        ) as run,
    ):
        while run.poll() is None and when not in told.read_text():
            time.sleep(0.02)
        run.send_signal(number)
    rest = told.read_text()
    assert "Traceback" not in rest, rest
    assert ("the same command goes on from there" in rest) == (run.returncode == 130), rest
    return run.returncode


def _wait_for_workers(folder: Path) -> None:
    """Wait until no worker that was left behind holds a folder; the next run would name it."""
    for record in folder.glob("*/record.json"):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with folder_lock(record.parent):
                    break
            except StoreError:
                time.sleep(0.05)


def _check_values(folder: Path) -> None:
    """Hold every activation to what a hook sees in a forward pass of one stimulus."""
    sweep = read_sweep(folder / "out")
    assert sweep
    names = [f"image{number}" for number in range(6)]
    for entry in sweep.entries.values():
        loaded, seen = load_model(model_spec(entry.config)), []
        loaded.module.conv.register_forward_hook(lambda *given, seen=seen: seen.append(given[2]))
        with torch.no_grad():
            for name in names:
                image = load_example(folder / "images" / f"{name}.png", loaded.transform)
                loaded.module(image[None])
        assert entry.folder
        with xr.open_datatree(entry.folder / "activations.nc") as tree:
            found = tree["conv"]["activation"]
            assert found["stimulus"].to_numpy().tolist() == names
            np.testing.assert_array_equal(found.to_numpy()[:, 0], torch.cat(seen).numpy())
