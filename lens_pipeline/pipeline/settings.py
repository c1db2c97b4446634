"""Settings: what a value in a config may be, and reading a nested dict against that.

A section is a frozen dataclass whose fields are made with `setting`; each carries its Kind. Reading
collects every error with its path instead of stopping at the first, since a person who mistyped two
settings should not have to start twice.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lens_pipeline.errors import nearest

Section = TypeVar("Section")


@dataclass(frozen=True)
class Kind:
    """What a setting may be."""

    # noun phrase that follows "expected" in an error
    expected: str
    # from the value in the config to the value in the dataclass; ValueError when not allowed
    read: Callable[[Any], Any]


def setting(kind: Kind, default: Any = dataclasses.MISSING) -> Any:
    """Declare a dataclass field that is read from a config as `kind`."""
    return dataclasses.field(default=default, metadata={"kind": kind})


def read_section(
    section: type[Section], value: object, at: str
) -> tuple[Section | None, list[str]]:
    """Return the section read from `value`, or None, and every error, its path starting `at`."""
    if not isinstance(value, Mapping):
        return None, [f"expected a group of settings @ {at}, not {_shown(value)}"]
    fields = {field.name: field for field in dataclasses.fields(section)}  # type: ignore[arg-type]
    errors = unknown_keys(value, fields, at)
    read: dict[str, Any] = {}
    for name, field in fields.items():
        kind: Kind = field.metadata["kind"]
        if name in value:
            read[name], found = read_value(kind, value[name], f"{at}.{name}")
            errors += found
        elif field.default is dataclasses.MISSING:
            errors.append(f"expected {kind.expected} @ {at}.{name}, not nothing")
    return (None, errors) if errors else (section(**read), [])


def read_value(kind: Kind, value: object, at: str) -> tuple[Any, list[str]]:
    """Return the value read as `kind`, or None and the error with its path."""
    try:
        return kind.read(value), []
    except ValueError as error:
        near = f" ({error})" if str(error) else ""
        return None, [f"expected {kind.expected} @ {at}, not {_shown(value)}{near}"]


def unknown_keys(value: Mapping[Any, Any], known: Mapping[str, Any], at: str = "") -> list[str]:
    """Return one error per key of `value` that is not in `known`."""
    prefix = f"{at}." if at else ""
    return [
        f"unknown setting {prefix}{key} ({nearest(str(key), known)})"
        for key in value
        if key not in known
    ]


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def one_of(*choices: str) -> Kind:
    """Return the kind of a word out of `choices`."""

    def read(value: Any) -> str:
        if value in choices:
            return str(value)
        raise ValueError(nearest(str(value), choices) if len(choices) > 4 else "")

    return Kind("one of " + ", ".join(choices), read)


def optional(kind: Kind) -> Kind:
    """Return `kind` with null allowed, which stays None."""

    def read(value: Any) -> Any:
        return None if value is None else kind.read(value)

    return Kind(f"{kind.expected} or null", read)


def _whole(least: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError
        return value

    return read


def _positive(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise ValueError
    return float(value)


def _share(value: Any) -> float:
    share = _positive(value)
    if share > 1:
        raise ValueError
    return share


def _text(value: Any) -> str:
    allowed = isinstance(value, str | int | float) and not isinstance(value, bool)
    if not allowed or not str(value).strip():
        raise ValueError
    return str(value)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(_text(item) for item in (value if isinstance(value, list | tuple) else [value]))


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError
    return Path(value).expanduser().absolute()


def _file_or_name(value: Any) -> str:
    """Make a path absolute, and leave what is no path as it is."""
    text = _text(value)
    is_path = "/" in text or Path(text).expanduser().is_file()
    return str(_path(text)) if is_path else text


def _pairs(value: Any) -> tuple[tuple[str, Any], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise ValueError  # noqa: TRY004  the reader turns ValueError into the sentence
    return tuple((str(key), value[key]) for key in sorted(value, key=str))


def _device(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        return value
    raise ValueError


TEXT = Kind("a word", _text)
TEXTS = Kind("a word or a list of words", _texts)
OPTIONAL_TEXT = optional(TEXT)
OPTIONAL_PATH = optional(Kind("a path", _path))
PATHS = Kind("a path or a list of paths", lambda value: tuple(str(_path(t)) for t in _texts(value)))
FILE_OR_NAME = Kind("a word or a path", _file_or_name)
NATURAL = Kind("an int of 0 or more", _whole(0))
POSITIVE_INT = Kind("a positive int", _whole(1))
OPTIONAL_POSITIVE_INT = optional(POSITIVE_INT)
POSITIVE = Kind("a positive number", _positive)
SHARE = Kind("a number above 0 and up to 1", _share)
PAIRS = Kind("a mapping such as {key: value}", _pairs)
DEVICE = Kind("auto, cpu, cuda or cuda:N", _device)
