"""The words after a command about a run folder."""

from pathlib import Path

import pytest

from lens_pipeline.errors import ConfigError, StoreError
from lens_pipeline.pipeline.words.options import choice, number, recorded_run, run_and_options

OPTIONS = {"to": "netcdf", "compression": "auto"}


def test_a_folder_and_options_are_read() -> None:
    """In any order; what is not given is as announced."""
    found = run_and_options("repack", ["to=zarr", "runs/a=b"], OPTIONS)
    assert found == (Path("runs/a=b"), {"to": "zarr", "compression": "auto"})


def test_what_is_not_allowed_is_one_sentence() -> None:
    """With the command as it is written."""
    for words, message in (
        ([], r"repack takes one run folder: repack RUN \[to=netcdf\]"),
        (["a", "b"], "takes one run folder"),
        (["a", "tp=zarr"], "repack has no option tp; nearest: to"),
    ):
        with pytest.raises(ConfigError, match=message):
            run_and_options("repack", words, OPTIONS)
    with pytest.raises(ConfigError, match="verify has no option x; it takes none"):
        run_and_options("verify", ["a", "x=1"], {})
    with pytest.raises(ConfigError, match=r"to=zar is not allowed; give .*zarr"):
        choice("to", "zar", ("netcdf", "zarr"))
    for text in ("-1", "x", "nan", "inf"):
        with pytest.raises(ConfigError, match="give a number of 0 or more"):
            number("tolerance", text)
    assert number("tolerance", "1e-5") == 1e-5


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    """By name; the folder of a sweep with the way to its runs."""
    with pytest.raises(StoreError, match=r"There is no run in .*: it has no record\.json"):
        recorded_run(tmp_path)
    (tmp_path / "sweep.json").touch()
    with pytest.raises(StoreError, match=r"it is of a sweep, and `status .*` tells the folders"):
        recorded_run(tmp_path)
