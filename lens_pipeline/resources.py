"""Where the configs and the bundled stimuli lie.

In an installed wheel both folders are inside the package; in a checkout or an editable install
they stand beside it. Nothing here depends on the working directory.
"""

from __future__ import annotations

from pathlib import Path

from lens_pipeline.errors import LensError

_PACKAGE = Path(__file__).resolve().parent


def conf_folder() -> Path:
    """Return the folder of Hydra configs."""
    return _shipped("conf")


def stimuli_folder() -> Path:
    """Return the folder of bundled stimulus sets."""
    return _shipped("stimuli")


def _shipped(name: str) -> Path:
    for folder in (_PACKAGE / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise LensError(
        f"The folder {name}/ is missing beside or inside {_PACKAGE}; install lens_pipeline again."
    )
