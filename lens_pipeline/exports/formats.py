"""EXPORTS: the formats, and the writing of a whole run in one of them.

Every file is written beside and renamed, one layer and pass after the other, so an export that is
stopped leaves whole files and can be given again. `export.json` comes last: what was exported, from
what, and what the format has no room for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import write_text
from lens_pipeline.errors import StoreError, nearest
from lens_pipeline.exports import brainscore, net2brain, rsatoolbox, thingsvision
from lens_pipeline.exports.parts import parts_of

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

NAME = "export.json"

# writes one layer and pass into a folder; called with (part, folder, done=told the bytes written)
Write = Callable[..., None]


@dataclass(frozen=True)
class Export:
    """One format."""

    write: Write
    # what reads it, for people
    reader: str
    # what it has no room for, one clause each
    lost: tuple[str, ...]


EXPORTS: Mapping[str, Export] = {
    "brainscore": Export(
        brainscore.write_brainscore,
        "Brain-Score's NeuroidAssembly, or xarray.open_dataarray",
        brainscore.LOST,
    ),
    "rsatoolbox": Export(
        rsatoolbox.write_rsatoolbox, "rsatoolbox.data.dataset.load_dataset", rsatoolbox.LOST
    ),
    "thingsvision": Export(
        thingsvision.write_thingsvision,
        "numpy.load and what takes THINGSvision's features.npy",
        thingsvision.LOST,
    ),
    "net2brain": Export(
        net2brain.write_net2brain, "Net2Brain's RDMCreator, or numpy.load", net2brain.LOST
    ),
}


def export_called(name: str) -> Export:
    """Return the format of that name, or raise StoreError with the nearest ones."""
    try:
        return EXPORTS[name]
    except KeyError:
        raise StoreError(f"There is no export to {name!r}; {nearest(name, EXPORTS)}.") from None


def export_tree(
    tree: xr.DataTree,
    folder: Path,
    name: str,
    *,
    layers: Sequence[str] = (),
    done: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Write an opened store, or some of its layers, into `folder`; return what was lost.

    Raises StoreError for an unknown format or layer, a stimulus that the format cannot name, and a
    disk that is full.
    """
    export = export_called(name)
    parts = parts_of(tree, layers)
    for part in parts:
        export.write(part, folder, done=done)
    complex_ones = sorted({part.layer for part in parts if part.dims[-1:] == ("part",)})
    lost = [*export.lost]
    if complex_ones:
        lost.append(f"complex numbers: {', '.join(complex_ones)} have their two parts as units")
    write_text(folder / NAME, json.dumps(_account(tree, name, lost), indent=1) + "\n")
    return lost


def _account(tree: xr.DataTree, name: str, lost: Sequence[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        key: str(tree.attrs.get(key, ""))
        for key in ("model", "weights", "seed", "stimuli", "stand_in")
    }
    return {"format": name, "reader": EXPORTS[name].reader, "lost": list(lost), **facts}
