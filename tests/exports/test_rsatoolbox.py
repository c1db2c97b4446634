from __future__ import annotations

import numpy as np
from rsatoolbox.data.dataset import load_dataset
from rsatoolbox.rdm import calc_rdm
from scipy.spatial.distance import pdist

from lens_pipeline.exports.formats import export_tree


def test_rsatoolbox_loads_what_was_written(tree, tmp_path, expected, ids):
    """With every descriptor, letters outside ASCII included."""
    export_tree(tree, tmp_path, "rsatoolbox")
    dataset = load_dataset(str(tmp_path / "V1.output_pass2.hdf5"))
    np.testing.assert_array_equal(dataset.measurements, expected["V1.output", 2].reshape(5, -1))
    assert list(dataset.obs_descriptors["stimulus_id"]) == list(ids)
    assert list(dataset.obs_descriptors["concept"]) == ["é", "x", "x", "y", "z"]
    assert list(dataset.obs_descriptors["model"]) == ["m"] * 5
    assert (dataset.descriptors["layer"], dataset.descriptors["pass"]) == ("V1.output", 2)
    assert dataset.descriptors["model"] == "net"
    places = dataset.channel_descriptors
    assert list(places["unit"]) == list(range(60))
    picked = [dataset.measurements[:, unit] for unit in (0, 37)]
    for values, unit in zip(picked, (0, 37), strict=True):
        at = tuple(int(places[axis][unit]) for axis in ("channel", "row", "col"))
        np.testing.assert_array_equal(values, expected["V1.output", 2][(slice(None), *at)])


def test_its_rdms_are_those_of_the_values(tree, tmp_path, expected):
    """Of a layer in float32, by SciPy; subsetting by a label works."""
    export_tree(tree, tmp_path, "rsatoolbox")
    dataset = load_dataset(str(tmp_path / "blocks%2F0.hdf5"))
    found = calc_rdm(dataset, method="correlation").dissimilarities[0]
    flat = expected["blocks/0", 1].reshape(5, -1).astype(float)
    np.testing.assert_allclose(found, pdist(flat, "correlation"), atol=1e-6)
    assert dataset.subset_obs("stimulus_id", "日本").n_obs == 1
