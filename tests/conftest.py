"""Shared fixtures: the folder of real data, and one torch thread so that bits do not vary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Sums of two threads differ from those of one in the last bits; read when torch is imported.
# Benchmarks that are to use more are started with OMP_NUM_THREADS set.
os.environ.setdefault("OMP_NUM_THREADS", "1")


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


@pytest.fixture(scope="session", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test may find or fetch weights or stimuli of the person who runs it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TORCH_HOME", str(tmp_path_factory.getbasetemp() / "torch_home"))
        environment.setenv("LENS_OFFLINE", "1")
        environment.delenv("LENS_THINGS_ROOT", raising=False)
        yield
