"""Net2Brain's consolidated features: one npz per layer, one array per stimulus, keyed by its id.

Written stimulus by stimulus, uncompressed; `numpy.load` reads it. Net2Brain itself compares by
position, in the order of the keys, which is the order of the stimuli here.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.atomic import replacing
from lens_pipeline.errors import StoreError
from lens_pipeline.exports.parts import Part, place_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOST = (
    "names of the unit axes: each array has them in order, without names",
    "labels of the stimuli: the keys are their ids alone",
)


def write_net2brain(part: Part, folder: Path, *, done: Callable[[int], None]) -> None:
    """Write `folder`/consolidated_LAYER.npz, an array of the layer's unit axes per stimulus.

    Raises StoreError for an id that an npz gives back as another.
    """
    _check_keys(part)
    ids = iter(part.stimuli)
    with (
        replacing(folder / f"consolidated_{place_name(part)}.npz") as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        for block in part.rows():
            for values in block:
                with archive.open(f"{next(ids)}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asarray(values), allow_pickle=False)
            done(block.nbytes)


def _check_keys(part: Part) -> None:
    for name in part.stimuli:
        if name.endswith(".npy") or "\0" in name:
            raise StoreError(
                f"The stimulus {name!r} cannot be a key of an npz file, which takes .npy for an "
                f"ending of its own; export to another format or rename the stimulus."
            )
