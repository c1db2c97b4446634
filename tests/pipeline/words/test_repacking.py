"""`repack RUN` from the command line."""

from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.store.trees import layer, open_activations


def test_a_run_is_repacked_beside_itself(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """One file, one Zarr store, and one file of half the size under another name."""
    pytest.importorskip("zarr")
    folder = run_job(plain)
    capsys.readouterr()
    assert main(["repack", "out"]) == 0
    assert capsys.readouterr().out.startswith("repacked: out.nc (")
    assert main(["repack", "out", "to=zarr"]) == 0
    assert main(["repack", "out", "dtype=int16-scaled", "compression=none", "out=small.nc"]) == 0
    with open_activations(folder) as run:
        expected = layer(run, "conv").load()
    with open_activations(study / "out.nc") as tree:
        xr.testing.assert_equal(layer(tree, "conv"), expected)
    with xr.open_datatree(study / "out.zarr", engine="zarr") as tree:
        xr.testing.assert_equal(tree["conv/activation"].load(), expected)
    with open_activations(study / "small.nc") as tree:
        array = layer(tree, "conv")
        assert array.encoding["dtype"] == "int16"
        limit = array.attrs["largest_error"]
        assert abs(array - expected).max() <= limit


def test_what_is_wrong_is_one_sentence(
    study: Path, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2."""
    run_job(plain)
    assert main(["repack", "out"]) == 0
    capsys.readouterr()
    for words, message in (
        (["out"], "out.nc is there already; delete it or choose another name with out="),
        (["out", "to=hdf"], "to=hdf is not allowed"),
        (["out", "dtype=int8"], "dtype=int8 is not allowed"),
        (["out", "to=zarr", "compression=zlib"], "to=zarr takes no compression"),
        ([], "repack takes one run folder: repack RUN [to=netcdf] [compression=auto]"),
    ):
        assert main(["repack", *words]) == 2
        assert message in capsys.readouterr().err
