"""The settings of `draw`: how the picture of a network is made, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  part of what a DrawConfig is

from lens_pipeline.pipeline import settings
from lens_pipeline.pipeline.brain_config import BOOL
from lens_pipeline.pipeline.settings import one_of, setting


@dataclass(frozen=True)
class DrawConfig:
    """The picture of a network; nothing of a run depends on it."""

    # .svg, .pdf, .png or .dot; None means graph.svg here
    file: Path | None = setting(settings.OPTIONAL_PATH, None)  # noqa: RUF009
    # modules nested this deep are one box; 0 opens all
    depth: int = setting(settings.NATURAL, 0)
    # address of the one module to draw, or of one call of it; None draws the model
    module: str | None = setting(settings.OPTIONAL_TEXT, None)
    # one box per layer; else one per operation
    rolled: bool = setting(BOOL, True)
    # column of the table of operations; None colours by what a box is
    color: str | None = setting(settings.OPTIONAL_TEXT, None)
    # where it is read to from the inputs
    direction: str = setting(one_of("up", "down", "right", "left"), "up")
    # auto leaves out the running statistics of normalisations
    buffers: str = setting(one_of("auto", "all", "none"), "auto")
