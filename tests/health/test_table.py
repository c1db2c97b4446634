from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lens_pipeline.health.table import health_table, write_health
from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard, read_shard
from lens_pipeline.store.trees import open_activations

IDS = tuple("abcdefgh")


@pytest.fixture
def run(tmp_path):
    """A run with one layer for each thing that can be wrong, and a healthy one of two passes."""
    random = np.random.default_rng(0)
    good = random.standard_normal((8, 2, 30), dtype="float32")
    line = (random.standard_normal((8, 1, 1)) * random.standard_normal(30)).astype("f4")
    twins, nan = good[:, :1].copy(), good[:, :1].copy()
    twins[5] = twins[1]
    nan[3, 0, 4] = np.nan
    mostly = np.zeros((8, 1, 30), "f4")
    mostly[:, 0, :2] = good[:, 0, :2]
    layers = {
        "good": good,
        "line": line,
        "twins": twins,
        "nan": nan,
        "silent": np.zeros((8, 1, 30), "f4"),
        "mostly/silent": mostly,
    }
    specs = [
        LayerSpec(name, None, tuple(range(1, values.shape[1] + 1)), ("feature",), (30,), "float32")
        for name, values in layers.items()
    ]
    path = tmp_path / "shards" / "k.nc"
    with open_shard(path, layers=specs, stimulus_ids=IDS, attrs={}) as shard:
        shard.write(0, {(name, None): values for name, values in layers.items()})
    write_index(tmp_path, [read_shard(path)], stimulus_ids=IDS, labels={}, attrs={})
    return tmp_path


def test_every_layer_and_pass_has_a_row_and_its_warning(run, monkeypatch):
    """A healthy one has none; blocks of seven units give the same."""
    with open_activations(run) as tree:
        table = health_table(tree)
        monkeypatch.setattr("lens_pipeline.health.table._BLOCK", 8 * 4 * 7)
        small = health_table(tree)
    pd.testing.assert_frame_equal(table, small)
    warnings = dict(
        zip(table["layer"] + ":" + table["pass"].astype(str), table["warning"], strict=True)
    )
    assert warnings["good:1"] == warnings["good:2"] == ""
    assert warnings["line:1"].startswith("has 1.00 effective dimensions")
    assert warnings["twins:1"].endswith("the first are b and f")
    assert "gives 2 stimuli a pattern" in warnings["twins:1"]
    assert warnings["nan:1"] == "has 1 NaN and 0 infinite values, so it has no RDM"
    assert warnings["silent:1"] == "is the same for all stimuli, so it has no RDM"
    assert warnings["mostly/silent:1"].startswith("has 28 of 30 units that are the same")


def test_the_table_is_written_and_the_warnings_returned(run, caplog):
    """health.csv reads back; one line of the log says where to look."""
    with open_activations(run) as tree:
        told = write_health(run, tree)
    table = pd.read_csv(run / "health.csv", keep_default_na=False)
    assert len(table) == 7
    assert len(told) == 5
    assert "scores of 5 of 7 layers and passes may mean little" in caplog.text
    assert told[-2] == "silent:1 is the same for all stimuli, so it has no RDM"


def test_health_loads_neither_torch_nor_rsatoolbox():
    """It is for machines that only look at results."""
    code = (
        "import sys, lens_pipeline.health.table; "
        "print([m for m in ('torch', 'rsatoolbox', 'pandas', 'xarray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
