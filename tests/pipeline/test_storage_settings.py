"""run.compression and run.dtype, from the config to the shards."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from lens_pipeline import open_run
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.words.replaying import replay
from lens_pipeline.store.shards import read_shard
from lens_pipeline.store.trees import layer, open_activations


def _values(folder: Path) -> Any:
    with open_activations(folder) as tree:
        return layer(tree, "conv").load()


def test_scaled_numbers_take_half_the_bytes_and_give_the_same_rdms(
    study: Path, plain: dict[str, Any]
) -> None:
    """Within the error that is recorded; reproducible; and another result than float32."""
    exact = _values(run_job(plain))
    plain["run"] = {**plain["run"], "folder": "small", "dtype": "int16-scaled"}
    folder = run_job(plain)
    packed = _values(folder)
    assert packed.encoding["dtype"] == "int16"
    assert 0 < abs(packed - exact).max() <= packed.attrs["largest_error"]
    found = open_run(folder).rdms.dissimilarities[0]
    expected = pdist(exact.to_numpy()[:, 0].reshape(6, -1).astype(float), "correlation")
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert replay(folder).ok
    plain["run"]["dtype"] = "float32"
    run_job(plain)
    np.testing.assert_array_equal(_values(folder), exact)


def test_compression_changes_no_value_and_no_key(study: Path, plain: dict[str, Any]) -> None:
    """So finished shards stay as they are, whatever is asked for later."""
    pytest.importorskip("hdf5plugin")
    plain["run"]["compression"] = "zstd"
    folder = run_job(plain)
    shards = sorted((folder / "shards").glob("*.nc"))
    assert {read_shard(path).filters for path in shards} == {("zstd",)}
    times = [path.stat().st_mtime_ns for path in shards]
    plain["run"]["compression"] = "none"
    run_job(plain)
    assert [path.stat().st_mtime_ns for path in shards] == times
