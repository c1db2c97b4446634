"""An opened run of two shards: a map in two passes, a layer in runs, tokens and bools."""

import numpy as np
import pytest

from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard, read_shard
from lens_pipeline.store.trees import open_activations

IDS = ("b/ü.1", "a", "c d", "z.png", "日本")
LAYERS = (
    LayerSpec("V1.output", None, (1, 2), ("channel", "row", "col"), (3, 4, 5), "float32"),
    LayerSpec("conv1", 1, (1,), ("feature",), (6,), "float64"),
    LayerSpec("conv1", 2, (2,), ("feature",), (2,), "float64"),
    LayerSpec("blocks/0", None, (1,), ("token", "channel"), (3, 2), "float32"),
    LayerSpec("mask", None, (1,), ("feature",), (4,), "bool"),
)


def layer_values(spec):
    random = np.random.default_rng(len(spec.name) + (spec.run or 0))
    values = random.standard_normal((len(IDS), len(spec.passes), *spec.shape))
    return (values > 0) if spec.dtype == "bool" else values.astype(spec.dtype)


@pytest.fixture
def folder(tmp_path):
    records = []
    for key, at in (("k0", slice(0, 2)), ("k1", slice(2, 5))):
        path = tmp_path / "run" / "shards" / f"{key}.nc"
        with open_shard(path, layers=LAYERS, stimulus_ids=IDS[at], attrs={}) as shard:
            shard.write(0, {(s.name, s.run): layer_values(s)[at] for s in LAYERS})
        records.append(read_shard(path))
    labels = {"concept": ("é", "x", "x", "y", "z"), "model": ("m",) * 5}
    attrs = {"model": "net", "weights": "random", "stimuli": "toys", "stand_in": "", "seed": 3}
    write_index(tmp_path / "run", records, stimulus_ids=IDS, labels=labels, attrs=attrs)
    return tmp_path / "run"


@pytest.fixture
def tree(folder, monkeypatch):
    """The run, whose maps are read a stimulus at a time."""
    monkeypatch.setattr("lens_pipeline.exports.parts._BLOCK", 300)
    with open_activations(folder) as opened:
        yield opened


@pytest.fixture
def expected():
    """The values of each layer and pass, (stimulus, *units), by (layer, pass)."""
    found = {}
    for spec in LAYERS:
        for at, number in enumerate(spec.passes):
            found[spec.name, number] = layer_values(spec)[:, at]
    return found


@pytest.fixture
def ids():
    return IDS
