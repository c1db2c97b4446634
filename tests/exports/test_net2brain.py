from __future__ import annotations

import numpy as np
import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.exports.formats import export_tree
from lens_pipeline.exports.net2brain import write_net2brain
from lens_pipeline.exports.parts import parts_of


def test_one_array_per_stimulus_keyed_by_its_id(tree, tmp_path, expected, ids):
    """In the order of the stimuli, in the layer's own shape."""
    export_tree(tree, tmp_path, "net2brain")
    for (layer, number), name in {
        ("V1.output", 2): "consolidated_V1.output_pass2.npz",
        ("blocks/0", 1): "consolidated_blocks%2F0.npz",
    }.items():
        with np.load(tmp_path / name, allow_pickle=False) as file:
            assert file.files == list(ids)
            for row, stimulus in enumerate(ids):
                np.testing.assert_array_equal(file[stimulus], expected[layer, number][row])


def test_an_id_that_npz_would_change_is_refused(tree, tmp_path):
    """numpy takes .npy off the end of a key."""
    from dataclasses import replace

    part = replace(parts_of(tree)[0], stimuli=("a.npy", "b", "c", "d", "e"))
    with pytest.raises(StoreError, match=r"'a\.npy' cannot be a key of an npz file"):
        write_net2brain(part, tmp_path, done=lambda _: None)
