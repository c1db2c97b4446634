"""Hidden activations of any PyTorch model, labelled, and on into similarity analysis.

The public names are loaded on first use, so that importing the package imports neither torch nor
xarray.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lens_pipeline.drawing.page.writing import page
    from lens_pipeline.drawing.static import draw
    from lens_pipeline.drawing.summary import summary
    from lens_pipeline.pipeline.open_run import open_run
    from lens_pipeline.pipeline.words.partitioning import partition
    from lens_pipeline.pipeline.words.replaying import replay
    from lens_pipeline.runtime.pages import keep_pages
    from lens_pipeline.tables import to_pandas, write_table
    from lens_pipeline.tracing import Inputs, keep_selected, trace
    from lens_pipeline.validation.checking import validate

__all__ = [
    "Inputs",
    "__version__",
    "draw",
    "keep_pages",
    "keep_selected",
    "open_run",
    "page",
    "partition",
    "replay",
    "summary",
    "to_pandas",
    "trace",
    "validate",
    "write_table",
]
__version__ = "0.2.0"

_HOMES = {
    "to_pandas": "lens_pipeline.tables",
    "trace": "lens_pipeline.tracing",
    "Inputs": "lens_pipeline.tracing",
    "keep_selected": "lens_pipeline.tracing",
    "validate": "lens_pipeline.validation.checking",
    "write_table": "lens_pipeline.tables",
    "keep_pages": "lens_pipeline.runtime.pages",
    "draw": "lens_pipeline.drawing.static",
    "page": "lens_pipeline.drawing.page.writing",
    "summary": "lens_pipeline.drawing.summary",
    "open_run": "lens_pipeline.pipeline.open_run",
    "partition": "lens_pipeline.pipeline.words.partitioning",
    "replay": "lens_pipeline.pipeline.words.replaying",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__
