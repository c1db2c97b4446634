"""The flags of the command line, wherever they stand among its words.

Hydra reads them only in front of the settings, takes a setting behind `--info` for its value, and
answers a mistyped one with a page of usage. Here they are taken out first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

_OURS = ("--help", "-h", "--version", "--debug")
# a flag of Hydra's -> what may follow it
_ANYTHING = ("a value",)
_VALUES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("--hydra-help", "--resolve", "--run", "-r", "--multirun", "-m"), ()),
    **dict.fromkeys(("--shell-completion", "-sc"), ()),
    **dict.fromkeys(("--package", "-p", "--config-path", "-cp"), _ANYTHING),
    **dict.fromkeys(("--config-name", "-cn", "--config-dir", "-cd"), _ANYTHING),
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(
        ("--info", "-i"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
    ),
}
# with those that a text program makes of a hyphen
_DASHES = ("-", "–", "—")  # noqa: RUF001


def flags_and_others(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the flags, each joined with its value, and the other words.

    Raises ConfigError for a flag that there is not, or with a value that it does not take.

    >>> flags_and_others(["model=alexnet", "-m", "--cfg", "job", "model.seed=0,1"])
    (['-m', '--cfg=job'], ['model=alexnet', 'model.seed=0,1'])
    """
    flags, others = [], []
    left = list(reversed(words))
    while left:
        word = left.pop()
        if word.startswith(_DASHES):
            flags.append(_with_value(word, left))
        else:
            others.append(word)
    return flags, others


def _with_value(word: str, left: list[str]) -> str:
    """Return a flag joined with its value, which is taken off the words that are left."""
    flag, equals, value = word.partition("=")
    if flag not in _VALUES:
        raise _unknown(flag, as_setting=bool(equals))
    allowed = _VALUES[flag]
    if flag in ("--info", "-i") and not equals and not (left and left[-1] in allowed):
        value = "all"
    elif allowed and not equals and left:
        value = left.pop()
    if value in allowed or (value and allowed == _ANYTHING):
        return f"{flag}={value}"
    if allowed or equals:
        what = " or ".join(allowed) or "no value"
        raise ConfigError(f"{flag} takes {what}, not {value or 'nothing'}.")
    return flag


def _unknown(flag: str, *, as_setting: bool) -> ConfigError:
    from lens_pipeline.pipeline.config import setting_names

    name = flag.lstrip("".join(_DASHES))
    if as_setting or name in setting_names():
        return ConfigError(f"There is no option {flag}; a setting has no dashes: {name}=VALUE.")
    return ConfigError(f"There is no option {flag}; {nearest(flag, (*_VALUES, *_OURS))}.")
