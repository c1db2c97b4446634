"""What an analysis was made with: versions of the packages of statistics, digests of references.

They stand in the record beside what the analysis made. The versions are no part of any key: they
say nothing of activations, and results stand when one is upgraded.
"""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

from lens_pipeline.pipeline.analysis.brain import reference_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lens_pipeline.digests import FileStamp
    from lens_pipeline.pipeline.config import Config

_STATISTICS = ("rsatoolbox", "scipy", "xarray", "pandas")
_ENCODING = ("himalaya", "scikit-learn")


def made_with(config: Config, files: Mapping[str, FileStamp]) -> dict[str, Any]:
    """Return `versions` by package, and `reference_files`: the digest of each, by its path.

    `files` are the stamps of all files that the job read. Raises ComparisonError or ConfigError for
    a reference that is gone.
    """
    names = (*_STATISTICS, *(_ENCODING if config.encoding.methods else ()))
    paths = map(str, reference_files(config))
    return {
        "versions": {name: _version(name) for name in names},
        "reference_files": {path: files[path].digest for path in paths if path in files},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
