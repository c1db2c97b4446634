"""Settings of brain data, encoding models and time: the `brain` and `encoding` sections.

They stand beside config.py because they belong together; a Config holds one of each. Names that
other rooms own (methods, regions, presets) are checked there, before anything is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.pipeline import settings
from lens_pipeline.pipeline.settings import Kind, one_of, optional, setting

if TYPE_CHECKING:
    from pathlib import Path

# (layer, (start, step)) in ms, or the name of a preset
TimeMapping = str | tuple[tuple[str, tuple[float, float]], ...]


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004  the reader turns ValueError into the sentence
    return value


def _mapping(value: Any) -> TimeMapping:
    if value is None or isinstance(value, str):
        return value or ()
    pairs = value.items() if isinstance(value, Mapping) else value
    return tuple((str(layer), _window(window)) for layer, window in pairs)


def _window(value: Any) -> tuple[float, float]:
    start, step = (float(number) for number in value)
    if step <= 0:
        raise ValueError("a step is more than 0 ms")
    return start, step


def _read_mapping(value: Any) -> TimeMapping:
    try:
        return _mapping(value)
    except TypeError as error:
        raise ValueError(str(error)) from error


OPTIONAL_FILE = optional(Kind("a path", lambda value: settings.PATHS.read([value])[0]))
BOOL = Kind("true or false", _bool)
TIME_MAPPING = Kind("a preset or a mapping {layer: [start, step]} in ms", _read_mapping)


@dataclass(frozen=True)
class BrainConfig:
    """Brain data that layers are compared with, beside rsa.reference."""

    # of the set, for tables and reports; None means no brain data
    name: str | None = setting(settings.OPTIONAL_TEXT, None)
    # folder that files and ids lie in
    root: Path | None = setting(settings.OPTIONAL_PATH, None)  # noqa: RUF009
    # FILE or FILE:KEY in that folder: RDMs, or responses of units
    files: tuple[str, ...] = setting(settings.TEXTS, ())
    # FILE:COLUMN in that folder: ids of the rows of files that have none, in their order
    ids: str | None = setting(settings.OPTIONAL_TEXT, None)
    # only these; empty means all
    regions: tuple[str, ...] = setting(settings.TEXTS, ())
    subjects: tuple[str, ...] = setting(settings.TEXTS, ())
    # the units of all subjects as those of one
    pool: bool = setting(BOOL, False)
    # dissimilarity of responses; None means rsa.method
    method: str | None = setting(settings.OPTIONAL_TEXT, None)
    # of responses, by the noise between repeats
    normalise: str = setting(one_of("auto", "none", "univariate", "multivariate"), "auto")
    # bibtex of what to cite
    cite: str | None = setting(settings.OPTIONAL_TEXT, None)


def unused_setting(brain: BrainConfig) -> str | None:
    """Return, as brain.NAME=VALUE, what says how to read files where there are none; else None."""
    usual = asdict(BrainConfig())
    for name in ("ids", "regions", "subjects", "pool", "method", "normalise"):
        value = asdict(brain)[name]
        if not brain.files and value != usual[name]:
            shown = f"[{','.join(value)}]" if isinstance(value, tuple) else str(value).lower()
            return f"brain.{name}={shown}"
    return None


@dataclass(frozen=True)
class EncodingConfig:
    """Predicting the responses of units from layers."""

    # keys of METHODS: ridge, banded_ridge, pls; empty means none is fitted
    methods: tuple[str, ...] = setting(settings.TEXTS, ())
    # cross-validation folds
    folds: int = setting(settings.POSITIVE_INT, 5)
    # column of the stimuli whose values are kept on one side of a fold; None: each stimulus alone
    group: str | None = setting(settings.OPTIONAL_TEXT, "concept")
    # latent dimensions of PLS
    components: int = setting(settings.POSITIVE_INT, 25)
    # draws of the relative weights of bands, of banded ridge; its time grows with them
    draws: int = setting(settings.POSITIVE_INT, 100)
    # of the assignment to folds and of the search over bands
    seed: int = setting(settings.NATURAL, 0)
