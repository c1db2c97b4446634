"""The words of the command line: a thin function for each, and the registry of them.

A composed command gets the config that Hydra composed and whether it is one job of a sweep; a bare
one gets the words that follow it. Both return an exit code and raise LensError. What they do stands
in other modules, imported when asked for, so that a light command stays light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lens_pipeline.errors import ConfigError

# the composed config, whether this is one job of a sweep -> exit code
Composed = Callable[[dict[str, Any], bool], int]
# the words after the command -> exit code
Bare = Callable[[list[str]], int]

OK, INVALID = 0, 1


@dataclass(frozen=True)
class Word:
    """A command: exactly one of its functions is there."""

    composed: Composed | None = None
    bare: Bare | None = None


def _run(plain: dict[str, Any], sweep: bool) -> int:  # noqa: FBT001
    from lens_pipeline.pipeline.job import run_job

    run_job(plain, sweep=sweep)
    return OK


def _plan(plain: dict[str, Any], sweep: bool) -> int:  # noqa: ARG001, FBT001
    from lens_pipeline.pipeline.job import describe_plan

    print(describe_plan(plain))
    return OK


def _validate(plain: dict[str, Any], sweep: bool) -> int:  # noqa: FBT001
    from lens_pipeline.pipeline.validating import validate_model

    return OK if validate_model(plain, sweep=sweep) else INVALID


def _list_layers(plain: dict[str, Any], sweep: bool) -> int:  # noqa: ARG001, FBT001
    from lens_pipeline.pipeline import listing

    print(listing.layers(plain))
    return OK


def _list_models(words: list[str]) -> int:
    from lens_pipeline.pipeline import listing

    _nothing_after("list models", words)
    print(listing.models())
    return OK


def _list_stimuli(words: list[str]) -> int:
    from lens_pipeline.pipeline import listing

    _nothing_after("list stimuli", words)
    print(listing.stimuli())
    return OK


def _status(words: list[str]) -> int:
    from lens_pipeline.pipeline.status import describe_status

    if len(words) > 1:
        raise ConfigError("status takes one folder at most: status runs/NAME, or status alone.")
    print(describe_status(Path(words[0]) if words else None))
    return OK


def _nothing_after(command: str, words: list[str]) -> None:
    if words:
        raise ConfigError(f"{command} takes nothing more, not {words[0]!r}.")


COMMANDS: dict[str, Word] = {
    "run": Word(composed=_run),
    "plan": Word(composed=_plan),
    "validate": Word(composed=_validate),
    "list models": Word(bare=_list_models),
    "list stimuli": Word(bare=_list_stimuli),
    "list layers": Word(composed=_list_layers),
    "status": Word(bare=_status),
}
