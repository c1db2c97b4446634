from __future__ import annotations

import numpy as np

from lens_pipeline.exports.formats import export_tree


def test_features_and_names_lie_side_by_side(tree, tmp_path, expected, ids):
    """Row i of features.npy is line i of file_names.txt, one folder per layer and pass."""
    export_tree(tree, tmp_path, "thingsvision")
    folders = {
        ("V1.output", 1): "V1.output_pass1",
        ("V1.output", 2): "V1.output_pass2",
        ("conv1", 1): "conv1_pass1",
        ("conv1", 2): "conv1_pass2",
        ("blocks/0", 1): "blocks%2F0",
        ("mask", 1): "mask",
    }
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} >= set(folders.values())
    for key, name in folders.items():
        features = np.load(tmp_path / name / "features.npy")
        np.testing.assert_array_equal(features, expected[key].reshape(5, -1))
        names = (tmp_path / name / "file_names.txt").read_text(encoding="utf-8").splitlines()
        assert names == list(ids)
