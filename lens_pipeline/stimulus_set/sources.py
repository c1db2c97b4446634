"""The sources of stimuli by name, and the one door through which sets are opened."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lens_pipeline.errors import ConfigError, StimulusError, nearest
from lens_pipeline.resources import stimuli_folder
from lens_pipeline.stimulus_set.records import Account, ResolvedStimuli, StimulusSet
from lens_pipeline.stimulus_set.scanning import (
    DANGLING,
    FORMATS_IN_WORDS,
    contents,
    require_folder,
    require_unique,
    scan_folder,
    stem,
)
from lens_pipeline.stimulus_set.tables import open_table
from lens_pipeline.stimulus_set.things import open_things

if TYPE_CHECKING:
    from collections.abc import Callable

# names the THINGS folder where stimuli.root is not set
THINGS_VARIABLE = "LENS_THINGS_ROOT"
_POLICIES = ("auto", "strict")
_ON_ERROR = ("stop", "skip")


def open_stimuli(
    source: str,
    *,
    root: Path | None = None,
    table: Path | None = None,
    on_error: str = "stop",
    assets: str = "auto",
) -> ResolvedStimuli:
    """Return the stimuli of a source: `things`, `folder`, `table` or `sample`.

    Where THINGS is asked for and no folder is named, `assets="auto"` lets the bundled sample stand
    in and `"strict"` does not; a folder that is named must be there. Raises ConfigError for an
    unknown word and StimulusError for a folder or table that cannot be used.
    """
    for name, value, allowed in (
        ("stimuli.source", source, STIMULUS_SOURCES),
        ("stimuli.on_error", on_error, _ON_ERROR),
        ("assets", assets, _POLICIES),
    ):
        if value not in allowed:
            raise ConfigError(f"{name} is {value!r}; {nearest(value, allowed)}.")
    return STIMULUS_SOURCES[source](root, table, on_error, assets)


def _things(root: Path | None, _table: Path | None, on_error: str, assets: str) -> ResolvedStimuli:
    named = os.environ.get(THINGS_VARIABLE)
    if root is not None:
        return open_things(require_folder(root, "stimuli.root"))
    if named:
        return open_things(require_folder(Path(named), THINGS_VARIABLE))
    if assets == "strict":
        raise StimulusError(
            "The THINGS images are not at hand and assets=strict allows no stand-in; set "
            f"stimuli.root or {THINGS_VARIABLE} to the folder that holds object_images/ "
            "(the images are at https://osf.io/jum2f, behind a password)."
        )
    sample = _sample(None, None, on_error, assets)
    count = len(sample.stimuli.ids)
    return replace(
        sample,
        stand_in=f"The bundled sample ({count} drawn images) stands in for THINGS, because neither "
        f"stimuli.root nor {THINGS_VARIABLE} names its folder.",
    )


def _folder(root: Path | None, _table: Path | None, on_error: str, _assets: str) -> ResolvedStimuli:
    if root is None:
        raise StimulusError("stimuli=folder needs stimuli.root, the folder that holds the images.")
    base = require_folder(root, "stimuli.root")
    scan = scan_folder(base)
    gone = [file for file, reason in scan.refused if reason == DANGLING]
    if gone and on_error == "stop":
        raise StimulusError(
            f"{base / gone[0]} cannot be read: {DANGLING}; mend it, or set stimuli.on_error=skip."
        )
    if not scan.images:
        raise StimulusError(
            f"The folder {base} has no image: {contents(scan)}; put {FORMATS_IN_WORDS} files "
            "there, or set stimuli.root to another folder."
        )
    ids = tuple(stem(file) for file in scan.images)
    require_unique(ids, scan.images, base)
    parents = tuple(PurePosixPath(one).parent.as_posix() for one in ids)
    account = Account(scan.found, len(ids), scan.refused, scan.ignored)
    labels = {"folder": tuple("" if parent == "." else parent for parent in parents)}
    return ResolvedStimuli(StimulusSet(base.name, base, ids, scan.images, labels, account))


def _table(root: Path | None, table: Path | None, on_error: str, _assets: str) -> ResolvedStimuli:
    if table is None:
        raise StimulusError(
            "stimuli=table needs stimuli.table, a .csv, .tsv or .parquet file with the columns "
            "stimulus_id and filename."
        )
    base = table.absolute().parent if root is None else require_folder(root, "stimuli.root")
    return ResolvedStimuli(open_table(table.absolute(), root=base, on_error=on_error))


def _sample(
    _root: Path | None, _table: Path | None, _on_error: str, _assets: str
) -> ResolvedStimuli:
    folder = stimuli_folder() / "sample"
    found = open_table(folder / "stimuli.csv", root=folder, on_error="stop")
    return ResolvedStimuli(replace(found, name="sample"))


STIMULUS_SOURCES: dict[str, Callable[[Path | None, Path | None, str, str], ResolvedStimuli]] = {
    "things": _things,
    "folder": _folder,
    "table": _table,
    "sample": _sample,
}
