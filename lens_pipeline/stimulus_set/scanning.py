"""Which files a folder holds, and which of them are images, by name."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lens_pipeline.errors import StimulusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
FORMATS_IN_WORDS = "JPEG, PNG, BMP, WebP or TIFF"
DANGLING = "it is a link to a file that is not there"
# left behind by file browsers and archivers
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True)
class Scan:
    """The files under a folder, as posix paths relative to it, sorted part by part."""

    images: tuple[str, ...]
    # (file, reason)
    refused: tuple[tuple[str, str], ...]
    # hidden files and litter; hidden folders are not entered
    ignored: int

    @property
    def found(self) -> int:
        """Return the number of files."""
        return len(self.images) + len(self.refused) + self.ignored


def require_folder(root: Path, setting: str) -> Path:
    """Return `root` absolute; raise StimulusError if it is no folder that can be listed."""
    if not root.exists():
        parent = next(folder for folder in root.absolute().parents if folder.is_dir())
        raise StimulusError(
            f"The folder {root} of {setting} is not there (the nearest that exists is {parent}); "
            f"set {setting} to the folder that holds the images."
        )
    if not root.is_dir():
        raise StimulusError(
            f"{setting} is {root}, a file where a folder is wanted; give the folder it lies in, "
            "or use stimuli=table for a table of files."
        )
    if not os.access(root, os.R_OK | os.X_OK):
        raise StimulusError(f"The folder {root} of {setting} may not be read; allow reading it.")
    return root.absolute()


def scan_folder(root: Path) -> Scan:
    """List every file under `root`, links to folders included."""
    images, refused, ignored = [], [], 0
    for file in sorted(_walk(root), key=lambda file: PurePosixPath(file).parts):
        reason = refusal(file) or (None if (root / file).exists() else DANGLING)
        if _hidden(PurePosixPath(file).name):
            ignored += 1
        elif reason is None:
            images.append(file)
        else:
            refused.append((file, reason))
    return Scan(tuple(images), tuple(refused), ignored)


def refusal(file: str) -> str | None:
    """Say why a file of this name is not read as an image; None if it is."""
    suffix = PurePosixPath(file).suffix.lower()
    if suffix in SUFFIXES:
        return None
    return f"{suffix or 'a name without suffix'} is not {FORMATS_IN_WORDS}"


def stem(file: str) -> str:
    """Return the relative path without its suffix, in one spelling of accented letters."""
    return unicodedata.normalize("NFC", str(PurePosixPath(file).with_suffix("")))


def require_unique(ids: Iterable[str], files: Iterable[str], root: Path) -> None:
    """Raise StimulusError naming two files that would get the same id."""
    first: dict[str, str] = {}
    for one, file in zip(ids, files, strict=True):
        if one in first:
            raise StimulusError(
                f"Stimulus id {one!r} belongs to two files of {root}, {first[one]} and {file}; "
                "rename one or move it out of the folder."
            )
        first[one] = file


def contents(scan: Scan) -> str:
    """Say in a few words what a folder holds."""
    if not scan.found:
        return "it is empty"
    suffixes = Counter(
        PurePosixPath(file).suffix.lower() or "without suffix"
        for file in (*scan.images, *(file for file, _ in scan.refused))
    )
    kinds = [f"{count} {suffix}" for suffix, count in suffixes.most_common(4)]
    kinds += [f"{scan.ignored} hidden"] if scan.ignored else []
    example = next(iter(scan.images or [file for file, _ in scan.refused]), None)
    return "it holds " + ", ".join(kinds) + (f", such as {example}" if example else "")


def _walk(root: Path) -> Iterator[str]:
    entered = set()
    for folder, below, files in os.walk(root, followlinks=True):
        stat = Path(folder).stat()
        if (stat.st_dev, stat.st_ino) in entered:
            below.clear()
            continue
        entered.add((stat.st_dev, stat.st_ino))
        below[:] = sorted(name for name in below if not _hidden(name))
        inside = Path(folder).relative_to(root)
        yield from ((inside / name).as_posix() for name in files)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER
