"""A selector as a frozen value, parsed from text.

    selector := pattern [":" passes]
    passes   := "*" | N | "-"N | N"-"N          passes count from 1, -1 is the last

The pattern is a layer's label, a module's address, a number, or a glob over labels and addresses;
it is given a meaning only when the selector meets a trace. A module's address that holds a colon is
reached by a glob with `?` in its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import SelectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PASSES = re.compile(r"(?P<first>-?[0-9]+)(?:-(?P<last>[0-9]+))?")


@dataclass(frozen=True)
class PassRange:
    """The passes from `first` to `last`, both included."""

    # counted from 1; or, equal to `last`, negative: -1 is the last pass
    first: int
    last: int


@dataclass(frozen=True)
class Selector:
    """Which operations are wanted."""

    # "all", a label, an address, a number, or a glob
    pattern: str
    # None: every pass
    passes: PassRange | None


def parse_selectors(texts: str | int | Sequence[str | int]) -> tuple[Selector, ...]:
    """Read one selector or a list of them.

    Raises SelectorError for an empty list and for a text that is not a selector.

    >>> parse_selectors(["V1.output", "IT.output:1-2"])[1]
    Selector(pattern='IT.output', passes=PassRange(first=1, last=2))
    """
    listed = [texts] if isinstance(texts, str | int) else list(texts)
    if not listed:
        raise SelectorError("No layer is asked for; write layers=auto, layers=all, or a list.")
    return tuple(parse_selector(text) for text in listed)


def parse_selector(text: str | int) -> Selector:
    """Read one selector; a number may be given as one.

    Raises SelectorError for a text that is empty or whose passes cannot be read.
    """
    if isinstance(text, bool) or not isinstance(text, str | int) or not str(text).strip():
        raise SelectorError(f"A selector is a text such as V1.output or IT.output:2, not {text!r}.")
    pattern, colon, passes = str(text).strip().rpartition(":")
    if not colon:
        pattern, passes = passes, "*"
    if not pattern or "," in pattern:
        raise SelectorError(f"Selector {text!r} names no layer; write one name, or a list [A,B].")
    if pattern == "auto":
        raise SelectorError("'auto' stands alone, as layers=auto; it is not one name of several.")
    return Selector(pattern, _parse_passes(passes, str(text)))


def selector_text(selector: Selector) -> str:
    """Return the text from which the same selector is parsed again."""
    if selector.passes is None:
        return selector.pattern
    first, last = selector.passes.first, selector.passes.last
    return f"{selector.pattern}:{first}" + ("" if first == last else f"-{last}")


def _parse_passes(text: str, whole: str) -> PassRange | None:
    if text == "*":
        return None
    match = _PASSES.fullmatch(text)
    if match is None:
        raise SelectorError(
            f"Selector {whole!r} has no readable pass after its colon; write :2, :-1 (the last), "
            ":1-3 or :*."
        )
    first = int(match["first"])
    last = int(match["last"] or first)
    if first == 0 or (match["last"] and not 1 <= first <= last):
        raise SelectorError(
            f"Selector {whole!r} asks for passes {text}; they count upwards from 1, and -1 is the "
            "last."
        )
    return PassRange(first, last)
