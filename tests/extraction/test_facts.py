"""Facts beside a layer's values: other names find it, and numbers measured anew do not part it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard, read_shard
from lens_pipeline.store.trees import layer, open_activations

if TYPE_CHECKING:
    from pathlib import Path


def test_a_resumed_run_is_one_tree_and_its_layers_have_other_names(tmp_path: Path) -> None:
    """Two shards whose certificates differ in the last digit; a layer read under its alias."""
    records = []
    for number in range(2):
        facts = (("aliases", '["block", "drop/é"]'), ("difference_by_batch", 1e-7 * number))
        spec = LayerSpec("relu", None, (1,), ("unit",), (2,), "float32", facts)
        path = tmp_path / "shards" / f"{number}.nc"
        path.parent.mkdir(exist_ok=True)
        with open_shard(path, layers=[spec], stimulus_ids=[f"s{number}"], attrs={}) as shard:
            shard.write(0, {("relu", None): np.full((1, 1, 2), number, dtype="float32")})
        records.append(read_shard(path))
    write_index(tmp_path, records, stimulus_ids=["s0", "s1"], labels={}, attrs={})
    tree = open_activations(tmp_path)
    try:
        for name in ("relu", "block", "drop/é"):
            np.testing.assert_array_equal(layer(tree, name)[:, 0, 0], [0, 1])
    finally:
        tree.close()
