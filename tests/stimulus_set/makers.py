"""Small image folders for these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_images(root: Path, files: Iterable[str]) -> Path:
    """Write a tiny picture under each name and return the folder."""
    for number, file in enumerate(files):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3), (number % 256, 90, 200)).save(path)
    return root


def write_things(root: Path, stems: Iterable[str]) -> Path:
    """Write pictures in the THINGS layout under `root`/object_images and return `root`."""
    write_images(root / "object_images", (f"{stem.rsplit('_', 1)[0]}/{stem}.jpg" for stem in stems))
    return root
