"""THINGSvision's layout: a folder with features.npy and file_names.txt, row i being line i.

Its files say neither model nor layer, so there is one folder per layer and pass and its name says
it. Units are flattened, as THINGSvision does with flatten_acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.atomic import replacing, write_text
from lens_pipeline.exports.parts import Part, place_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOST = (
    "which axis of a unit is which: units are flattened in C order",
    "labels of the stimuli: file_names.txt has their ids alone, without the files' endings",
)


def write_thingsvision(part: Part, folder: Path, *, done: Callable[[int], None]) -> None:
    """Write `folder`/LAYER/features.npy (stimulus, unit) and file_names.txt."""
    place = folder / place_name(part)
    shape = (len(part.stimuli), part.n_units)
    header = {"descr": part.dtype.str, "fortran_order": False, "shape": shape}
    with replacing(place / "features.npy") as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        for block in part.rows():
            file.write(block.data)
            done(block.nbytes)
    write_text(place / "file_names.txt", "".join(f"{name}\n" for name in part.stimuli))
