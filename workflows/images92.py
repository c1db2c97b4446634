"""The 92 object images and what was measured with them: files, brain configs, settings.

Two studies see them. The images on grey are those of Kriegeskorte et al. 2008, on white those of
Cichy, Pantazis & Oliva 2014; row i of a matrix is the image that stimuli.csv says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# path in the folder of data -> what it is
FILES = {
    "images_grey": "the 92 images on grey",
    "images_white": "the same on white",
    "stimuli.csv": "which image row i of each matrix is",
    "rdms_it.npz": "RDMs of human and monkey IT",
    "fmri/fmri_IT_RDMs.npz": "RDMs of 15 subjects, IT",
    "fmri/fmri_EVC_RDMs.npz": "RDMs of 15 subjects, early visual cortex",
}
# folder of images -> brain config and its files: what was measured with these images
BRAINS = {
    "images_grey": ("human_it92", "rdms_it.npz:human_IT,rdms_it.npz:monkey_IT"),
    "images_white": ("fmri_it92", "fmri/fmri_IT_RDMs.npz,fmri/fmri_EVC_RDMs.npz"),
}


def seen(data: Path, images: str) -> list[str]:
    """Return the settings of one folder of images and of what was measured with it."""
    brain, files = BRAINS[images]
    return [
        f"stimuli.root='{data / images}'",
        f"stimuli.name={images}",
        f"brain={brain}",
        f"brain.root='{data}'",
        f"brain.files=[{files}]",
    ]


def job(network: str, images: str) -> str:
    """Return the name of the job of a network and a folder of images."""
    return f"{network}, {images}"


def network_of(name: str) -> str:
    """Undo `job`.

    >>> network_of("CORnet-S, images_grey")
    'CORnet-S'
    """
    return name.rpartition(",")[0]
