"""THINGS: one folder a concept, images named after it, checked against the official lists.

An image of an unknown concept or name is refused, one that the lists name and the folder lacks is
counted as missing, so that a part of THINGS can be used and is known to be a part.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lens_pipeline.errors import StimulusError, nearest
from lens_pipeline.stimulus_set.official import (
    CONCEPT_LISTS,
    IMAGE_LISTS,
    OfficialLists,
    concept_of,
    find_lists,
)
from lens_pipeline.stimulus_set.records import Account, ResolvedStimuli, StimulusSet
from lens_pipeline.stimulus_set.scanning import (
    Scan,
    contents,
    require_unique,
    scan_folder,
    stem,
)

if TYPE_CHECKING:
    from pathlib import Path

# where the concept folders lie in the published archives, under the folder that the user names
_IMAGE_FOLDERS = ("object_images", "images", "images_THINGS/object_images", "images_THINGS")
_NAME = re.compile(r".+_\d+[a-z]*")


def open_things(root: Path) -> ResolvedStimuli:
    """Return the stimuli of a THINGS folder, in official order where a list is found.

    Raises StimulusError if no image fits `<concept>/<concept>_01b.jpg`, or two share a stem.
    """
    folder = next((root / below for below in _IMAGE_FOLDERS if (root / below).is_dir()), root)
    scan, lists = _without_lists(scan_folder(folder)), find_lists(root)
    verdicts = {file: _refusal(file, lists) for file in scan.images}
    accepted = [file for file, reason in verdicts.items() if reason is None]
    refused = [(file, reason) for file, reason in verdicts.items() if reason is not None]
    if not accepted:
        raise StimulusError(_mixed_up(folder, scan, refused, lists))
    accepted.sort(key=lambda file: _place(file, lists))
    ids = tuple(PurePosixPath(stem(file)).name for file in accepted)
    require_unique(ids, accepted, folder)
    account = Account(
        found=scan.found,
        listed=len(ids),
        refused=(*scan.refused, *refused),
        ignored=scan.ignored,
        missing=len(set(lists.images or ()) - set(ids)),
        missing_concepts=len(set(lists.concepts or ()) - {concept_of(one) for one in ids}),
    )
    labels = {"concept": tuple(concept_of(one) for one in ids)}
    stimuli = StimulusSet("things", folder, ids, tuple(accepted), labels, account)
    return ResolvedStimuli(stimuli, missing=lists.missing)


def _without_lists(scan: Scan) -> Scan:
    known = {*CONCEPT_LISTS, *IMAGE_LISTS}
    refused = tuple(
        (file, reason) for file, reason in scan.refused if PurePosixPath(file).name not in known
    )
    return replace(scan, refused=refused, ignored=scan.ignored + len(scan.refused) - len(refused))


def _refusal(file: str, lists: OfficialLists) -> str | None:
    path = PurePosixPath(stem(file))
    concept = concept_of(path.name)
    if not _NAME.fullmatch(path.name):
        return "the name is not <concept>_<number><letter>"
    if path.parent.as_posix() != concept:
        return f"it belongs into the folder {concept}/ by its name"
    if lists.concepts is not None and concept not in lists.concepts:
        return f"{concept!r} is no official concept ({nearest(concept, lists.concepts)})"
    if lists.images is not None and path.name not in lists.images:
        return "it is not among the official image names"
    return None


def _place(file: str, lists: OfficialLists) -> tuple[int, int, str, str]:
    name = PurePosixPath(stem(file)).name
    concept = concept_of(name)
    return (
        (lists.concepts or {}).get(concept, 0),
        (lists.images or {}).get(name, 0),
        concept,
        name,
    )


def _mixed_up(
    folder: Path, scan: Scan, refused: list[tuple[str, str]], lists: OfficialLists
) -> str:
    seen = contents(scan)
    if refused:
        file, reason = refused[0]
        seen += f", and of {file}: {reason}"
    against = f" (checked against {', '.join(map(str, lists.files))})" if lists.files else ""
    return (
        f"{folder} is not in the THINGS layout, <concept>/<concept>_01b.jpg{against}: {seen}; set "
        "stimuli.root to the folder that holds object_images/, or use stimuli=folder."
    )
