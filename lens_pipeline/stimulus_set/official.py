"""The official lists of THINGS: which concepts and images there are, and in which order.

Concepts are in the order of the concept list, which is not alphabetical: `camera_lens` comes before
`camera1`. An image list orders the images of a concept; it orders the concepts only where it is
alone, since one published image list is alphabetical. The lists lie in another place in each of the
published archives, so several are looked at.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lens_pipeline.errors import StimulusError

CONCEPT_LISTS = (
    "things_concepts.tsv",
    "_concepts-metadata_things.tsv",
    "concepts-metadata_things.tsv",
    "unique_id.csv",
)
IMAGE_LISTS = ("image-paths.csv", "image_paths.csv", "file_names_THINGS.txt")
_SUBFOLDERS = (
    "",
    "Metadata",
    "Metadata/Concept-specific",
    "Metadata/Image-specific",
    "Main",
    "01_image-level",
    "02_object-level",
)


@dataclass(frozen=True)
class OfficialLists:
    """Places in the official order; None where there is no such list."""

    # uniqueID -> place
    concepts: dict[str, int] | None
    # stem such as aardvark_01b -> place
    images: dict[str, int] | None
    # the files they were read from
    files: tuple[Path, ...]
    # where lists were looked for in vain
    missing: tuple[Path, ...]


def find_lists(root: Path) -> OfficialLists:
    """Read the official lists that lie in `root`, beside it, or in their usual subfolders."""
    folders = [base / below for base in (root, root.parent) for below in _SUBFOLDERS]
    concepts, tried = _first(folders, CONCEPT_LISTS)
    images, tried_too = _first(folders, IMAGE_LISTS)
    places = None if images is None else _places(_image_names(images), images)
    known = None if concepts is None else _places(_concept_names(concepts), concepts)
    return OfficialLists(
        concepts=_concepts_of(places) if known is None and places is not None else known,
        images=places,
        files=tuple(path for path in (concepts, images) if path),
        missing=(*tried, *tried_too),
    )


def concept_of(stem: str) -> str:
    """Return the concept of an image stem.

    >>> concept_of("ice-cream_cone_04s")
    'ice-cream_cone'
    """
    return stem.rsplit("_", 1)[0]


def _first(folders: list[Path], names: tuple[str, ...]) -> tuple[Path | None, list[Path]]:
    tried: list[Path] = []
    for folder in folders:
        for name in names:
            if (folder / name).is_file():
                return folder / name, tried
            tried.append(folder / name)
    return None, tried


def _concept_names(path: Path) -> list[str]:
    lines = _lines(path)
    if path.suffix == ".csv":
        return [line.strip(' ",') for line in lines if line.strip(' ",') != "uniqueID"]
    rows = list(csv.reader(lines, delimiter="\t"))
    if not rows or "uniqueID" not in rows[0]:
        raise StimulusError(
            f"The concept list {path} has no column 'uniqueID'; replace it by the official file "
            "or move it away."
        )
    column = rows[0].index("uniqueID")
    return [row[column].strip() for row in rows[1:] if len(row) > column]


def _image_names(path: Path) -> list[str]:
    cells = [line.split(",")[0].strip(' "') for line in _lines(path)]
    paths = [PurePosixPath(cell.replace("\\", "/")) for cell in cells]
    return [path.stem for path in paths if path.suffix.lower() in (".jpg", ".jpeg")]


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StimulusError(
            f"The official list {path} is not UTF-8 text ({error}); replace it or move it away."
        ) from error
    return [line for line in text.splitlines() if line.strip()]


def _places(names: list[str], path: Path) -> dict[str, int]:
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    if len(places) < len(names) or not places:
        what = "repeats a name" if places else "names nothing"
        raise StimulusError(
            f"The official list {path} {what}; replace it by the official file or move it away."
        )
    return places


def _concepts_of(images: dict[str, int]) -> dict[str, int]:
    ordered = dict.fromkeys(concept_of(stem) for stem in sorted(images, key=images.__getitem__))
    return {concept: place for place, concept in enumerate(ordered)}
