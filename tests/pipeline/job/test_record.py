"""record.json: what is written is read back, and damage is told."""

import json
from pathlib import Path

import pytest

from lens_pipeline.digests import FileStamp
from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.job.record import (
    FORMAT,
    RECORD,
    Record,
    Slice,
    places,
    read_record,
    write_record,
)

WHOLE = Record(
    config={"layers": ["auto"]},
    versions={"torch": "2"},
    places={},
    model={"source": "cornet"},
    stand_ins=("Random weights stand in.",),
    files={"/a": FileStamp(1, 2, 3, 4, "d")},
    missing=("/b",),
    stimuli={"n": 2},
    postfunctions={},
    request="r",
    structure={"layers": []},
    slices=(Slice(0, 2, "k"),),
    outputs={"activations.nc": 3},
    seconds={"all": 1.5},
    analysis={"rdms": 1},
    failure=None,
)


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    """Every field comes back as it was."""
    write_record(tmp_path, WHOLE)
    assert read_record(tmp_path) == WHOLE


def test_no_record_is_none(tmp_path: Path) -> None:
    """Neither is one of another format, which a newer or older version wrote."""
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "nowhere") is None
    (tmp_path / RECORD).write_text(json.dumps({"format": 0}))
    assert read_record(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", f'{{"format": {FORMAT}}}', f'{{"format": {FORMAT}, "a": 2}}']
)
def test_a_damaged_record_is_told(tmp_path: Path, text: str) -> None:
    """The sentence names the file and what to do."""
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(StoreError, match=r"record.json is damaged .*; delete it"):
        read_record(tmp_path)


def test_places_are_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset variable is not there."""
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.setenv("TORCH_HOME", "/x")
    assert places()["TORCH_HOME"] == "/x"
    assert "HF_HOME" not in places()
