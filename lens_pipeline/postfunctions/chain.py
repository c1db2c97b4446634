"""A chain of postfunctions as a frozen value, parsed from what a user wrote.

Parsing checks every name and parameter and imports no torch. The texts of a chain and the digests
of its users' sources are everything that its result depends on besides this package's version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import PostfunctionError, nearest
from lens_pipeline.postfunctions.functions import POSTFUNCTIONS
from lens_pipeline.postfunctions.user_functions import digest_source, is_dotted_path

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Step:
    """One postfunction of a chain."""

    # a key of POSTFUNCTIONS, or the dotted path of a user's function
    name: str
    # the text after the name's colon; "" where there is none
    parameter: str
    # digest of the source file of a user's function; None for a function of this package
    digest: str | None


@dataclass(frozen=True)
class Chain:
    """Postfunctions in the order in which they are applied; an empty chain keeps the output."""

    steps: tuple[Step, ...]


def parse_postfunctions(texts: str | Sequence[str] | None) -> Chain:
    """Read one name, a list of names, or None (nothing is done) as a Chain.

    A hyphen in a name reads as an underscore. Raises PostfunctionError for a name that is unknown,
    a parameter that cannot be used, or a user's function that is not there.

    >>> chain_texts(parse_postfunctions(["spatial-mean", "srp:1024"]))
    ('spatial_mean', 'srp:1024')
    """
    listed = [texts] if isinstance(texts, str) else (texts or ())
    return Chain(tuple(_parse_step(text) for text in listed))


def chain_texts(chain: Chain) -> tuple[str, ...]:
    """Return the texts from which the same chain is parsed again."""
    return tuple(step_text(step) for step in chain.steps)


def source_digests(chain: Chain) -> tuple[tuple[str, str], ...]:
    """Return (dotted path, digest of its source file) for each user's function of the chain."""
    return tuple((step.name, step.digest) for step in chain.steps if step.digest is not None)


def step_text(step: Step) -> str:
    """Return the text of one step, as in `srp:1024`."""
    return f"{step.name}:{step.parameter}" if step.parameter else step.name


def _parse_step(text: str) -> Step:
    if not isinstance(text, str) or not text.strip():
        raise PostfunctionError(
            f"A postfunction is a name such as spatial_mean or srp:1024, not {text!r}."
        )
    name, colon, parameter = text.strip().partition(":")
    name = name.replace("-", "_")
    if name not in POSTFUNCTIONS:
        return _parse_user_step(text.strip())
    if colon and not parameter:
        raise PostfunctionError(f"Postfunction {text!r} ends in a colon; nothing follows it.")
    try:
        POSTFUNCTIONS[name](parameter)
    except ValueError as error:
        raise PostfunctionError(f"Postfunction {text!r} cannot be used: {error}.") from None
    return Step(name, parameter, digest=None)


def _parse_user_step(text: str) -> Step:
    """Read a dotted path; what looks more like a misspelt name is refused as one."""
    name = text.partition(":")[0]
    hint = nearest(name.replace("-", "_"), POSTFUNCTIONS)
    if not is_dotted_path(text):
        raise PostfunctionError(
            f"There is no postfunction {name!r}; {hint}, or your own as package.module:function."
        )
    try:
        return Step(text, "", digest=digest_source(text))
    except PostfunctionError as error:
        if hint.startswith("nearest") and "needs a module" in str(error):
            raise PostfunctionError(f"{error} Of the built-in names, {hint}.") from None
        raise
