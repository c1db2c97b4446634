"""The simulated sweep at small size: every executor, identical stores."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

SIMULATE = Path(__file__).parents[2] / "workflows" / "sweep" / "simulate.py"


@pytest.fixture(scope="module")
def simulate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulate", SIMULATE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_executor_gives_the_same_stores(
    simulate: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three models x 40 stimuli x serial, dask and address; one altered byte would show."""
    words = ["--output", str(tmp_path), "--stimuli", "40", "--models", "3", "--seeds", "1"]
    assert simulate.main(words) == 0
    assert capsys.readouterr().out.count("identical") == 3
    assert len(list((tmp_path / "serial").glob("*/activations.nc"))) == 3
    shard = next((tmp_path / "dask").glob("conv-*/shards/*.nc"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 64
    shard.write_bytes(content)
    pairs = zip(simulate._jobs(tmp_path / "serial"), simulate._jobs(tmp_path / "dask"), strict=True)
    assert [simulate._identical(one, other) for one, other in pairs].count(False) == 1
