"""The question of a study and its answer, kept beside its runs for the top of its page.

A sweep is runs and scores; a study is asked something. What it was asked and what came out are
words and small tables of text in study.json, written by whoever asked.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.atomic import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "study.json"


@dataclass(frozen=True)
class Table:
    """Cells of text."""

    title: str
    header: tuple[str, ...]
    # each as long as the header
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Study:
    """What was asked, and what came out."""

    question: str
    # sentences, most important first
    answers: tuple[str, ...]
    # how the answers were reached
    how: str
    tables: tuple[Table, ...] = ()
    # name of a figure in figures/, without ending -> caption; in the order of reading
    figures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    # why nothing here may be believed; empty where it may
    stand_in: str = ""


def write_study(folder: Path, study: Study) -> None:
    """Write a study into the folder of its runs, whole or not at all."""
    write_text(folder / FILE, json.dumps(dataclasses.asdict(study), indent=1))


def read_study(folder: Path) -> Study | None:
    """Return the study in a folder, or None where its runs are a mere sweep."""
    path = folder / FILE
    if not path.is_file():
        return None
    plain = json.loads(path.read_text(encoding="utf-8"))
    tables = tuple(
        Table(one["title"], tuple(one["header"]), tuple(map(tuple, one["rows"])))
        for one in plain.pop("tables")
    )
    return Study(**{**plain, "answers": tuple(plain["answers"])}, tables=tables)
