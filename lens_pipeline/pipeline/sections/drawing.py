"""The settings of `draw`: how the picture of a network is made, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  part of what a DrawConfig is

from lens_pipeline.pipeline import settings
from lens_pipeline.pipeline.sections.brain import BOOL
from lens_pipeline.pipeline.settings import one_of, optional, setting


@dataclass(frozen=True)
class DrawConfig:
    """The picture of a network; nothing of a run depends on it."""

    # a picture as .svg, .pdf, .png or .dot, the page as .html or .htm, Model Explorer's format as
    # .json; None means graph.svg here
    file: Path | None = setting(settings.OPTIONAL_PATH, None)  # noqa: RUF009
    # modules nested this deep are one box, 0 opens all; None is all in a picture, none in a page,
    # and as many as fit in a summary
    depth: int | None = setting(optional(settings.NATURAL), None)
    # address of the one module to draw, or of one call of it; None draws the model
    module: str | None = setting(settings.OPTIONAL_TEXT, None)
    # one box per layer; else one per operation
    rolled: bool = setting(BOOL, True)
    # column of the table of operations, or "score"; None colours by what a box is
    color: str | None = setting(settings.OPTIONAL_TEXT, None)
    # where it is read to from the inputs
    direction: str = setting(one_of("up", "down", "right", "left"), "up")
    # auto leaves out the running statistics of normalisations
    buffers: str = setting(one_of("auto", "all", "none"), "auto")
    # folder of a finished run of the model, whose scores and RDMs stand beside; None for none
    run: Path | None = setting(settings.OPTIONAL_PATH, None)  # noqa: RUF009
    # which of the run's references colours are by; None where it has one
    reference: str | None = setting(settings.OPTIONAL_TEXT, None)
    # small pictures and histograms of values; None means in a page and nowhere else
    values: bool | None = setting(optional(BOOL), None)
