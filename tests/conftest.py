"""Shared fixtures: the folder of real data, and one torch thread so that bits do not vary."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Sums of two threads differ from those of one in the last bits; read when torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real stimuli, brain RDMs and weights; tests that need it skip without it."""
    folder = os.environ.get("LENS_TEST_DATA")
    if not folder:
        pytest.skip("LENS_TEST_DATA is unset: it names the folder of real data")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"LENS_TEST_DATA names {path}, which is not a folder")
    return path


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test may find or fetch weights of the person who runs it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.getbasetemp() / "torch_home"))
    monkeypatch.setenv("LENS_OFFLINE", "1")
