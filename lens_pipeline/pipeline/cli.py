"""The command line: one word for what to do, then Hydra's overrides.

This is the one module that knows Hydra. It gives every other module a plain dict, and gives the
person at the terminal one sentence where Hydra would give a page. Nothing heavy is imported before
it is known to be needed, so that --help answers at once.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ConfigError, LensError
from lens_pipeline.pipeline.commands import COMMANDS
from lens_pipeline.pipeline.flags import flags_and_others
from lens_pipeline.pipeline.mistakes import (
    check_launcher,
    in_our_words,
    unknown_choice,
    unknown_command,
    unreadable,
)
from lens_pipeline.runtime.pages import keep_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from omegaconf import DictConfig

    from lens_pipeline.pipeline.commands import Word

_OK, _REFUSED, _INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the command line and return its exit code.

    0; 1 where `validate` found something wrong; 2 for what is refused; 130 when interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        # not where another program calls this function: it is for a whole process
        keep_pages()
    debug = "--debug" in words
    try:
        return _dispatch([word for word in words if word != "--debug"], debug=debug)
    except KeyboardInterrupt:
        _complain("Interrupted: what is finished is kept, and the same command goes on from there.")
        return _INTERRUPTED
    except BrokenPipeError:
        # whoever read the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _OK
    except LensError as error:
        _report(error, debug=debug)
        return _REFUSED


def _dispatch(words: list[str], *, debug: bool) -> int:
    if "-h" in words or "--help" in words:
        print(_help(words), end="")
        return _OK
    if "--version" in words:
        from lens_pipeline import __version__

        print(f"lens-pipeline {__version__}")
        return _OK
    _check_working_directory()
    flags, others = flags_and_others(words)
    check_launcher(others)
    command, rest = _split_command(others)
    word = COMMANDS[command]
    with _messages():
        if word.composed:
            return _with_hydra(word, [*flags, *rest], debug=debug)
        assert word.bare
        return word.bare([*flags, *rest])


def _help(words: list[str]) -> str:
    """Return all of the help, or of a command that takes no settings its own paragraph."""
    from lens_pipeline.pipeline.help import HELP, paragraph

    said = [word for word in words if not word.startswith("-")]
    for n_words in (2, 1):
        word = COMMANDS.get(" ".join(said[:n_words]))
        if word and word.bare:
            return paragraph(" ".join(said[:n_words]))
    return HELP


def _check_working_directory() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise ConfigError(
            "The working directory is not there any more: change to one that is."
        ) from error


def _split_command(words: list[str]) -> tuple[str, list[str]]:
    """Take the first word or two for a command if it can be no override."""
    if not words or words[0].startswith(("~", "+")) or "=" in words[0]:
        return "run", words
    for n_words in (2, 1):
        command = " ".join(words[:n_words])
        if command in COMMANDS:
            return command, words[n_words:]
    raise unknown_command(words)


def _with_hydra(word: Word, words: list[str], *, debug: bool) -> int:
    """Compose the config from `words` and give it to the command.

    In a sweep Hydra composes every job first, and what carries them out is ours.
    """
    command = word.composed
    assert command
    codes, raised, jobs = [_OK], [], []

    def job(config: DictConfig) -> None:
        # Hydra would print a page of its own for an exception that reaches it.
        try:
            plain = _plain(config)
            if _in_sweep():
                jobs.append((_overrides(), plain))
            else:
                codes.append(command(plain, False))
        except Exception as error:  # noqa: BLE001  raised below, outside of Hydra
            raised.append(error)

    _compose(job, words)
    for failure in raised:
        raise failure
    if jobs:
        named = _named(jobs)
        codes.append(word.swept(named) if word.swept else _one_by_one(word, named, debug=debug))
    return max(codes)


def _compose(job: Callable[[DictConfig], None], words: list[str]) -> None:
    """Have Hydra call `job` with the config that `words` give, or with each of a sweep."""
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from lens_pipeline.resources import conf_folder

    start = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
    try:
        with _as_hydra_expects(words):
            start(job)()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_sentence(error)) from error


def _plain(config: DictConfig) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(_sentence(error)) from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _in_sweep() -> bool:
    from hydra.core.hydra_config import HydraConfig

    mode = HydraConfig.get().mode
    return mode is not None and mode.name == "MULTIRUN"


def _overrides() -> list[str]:
    from hydra.core.hydra_config import HydraConfig

    return [str(override) for override in HydraConfig.get().overrides.task]


def _named(jobs: list[tuple[list[str], dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Name each job by the overrides that not all jobs have."""
    common = set.intersection(*(set(overrides) for overrides, _ in jobs))
    if len(jobs) == 1:
        common = set()
    return [
        (",".join(one.replace("\\", "") for one in overrides if one not in common), plain)
        for overrides, plain in jobs
    ]


def _one_by_one(word: Word, jobs: list[tuple[str, dict[str, Any]]], *, debug: bool) -> int:
    assert word.composed
    if word.refuse:
        word.refuse(jobs)
    codes = [_OK]
    for name, plain in jobs:
        print(f"\n=== {name}", flush=True)
        try:
            codes.append(word.composed(plain, True))
        except LensError as error:
            _report(error, debug=debug)
            codes.append(_REFUSED)
    return max(codes)


@contextmanager
def _as_hydra_expects(words: list[str]) -> Iterator[None]:
    """Put `words` where Hydra reads them, and have it raise its errors instead of printing them.

    What Hydra writes about a sweep goes to a folder that is deleted: sweep.json says more.
    """
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with tempfile.TemporaryDirectory() as folder:
            sys.argv = ["lens-pipeline", *words, f"hydra.sweep.dir={folder}"]
            yield
    finally:
        sys.argv = argv
        if full is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full


def _sentence(error: Exception) -> str:
    """Say in one sentence what Hydra or OmegaConf refused, with the nearest names."""
    from hydra.errors import MissingConfigException, OverrideParseException

    text = " ".join(str(error).split())
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return unknown_choice(group, name, error.options)
    if isinstance(error, OverrideParseException):
        return unreadable(error.override or "")
    return in_our_words(text)


def _report(error: BaseException, *, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    else:
        _complain(str(error))


def _complain(sentence: str) -> None:
    print(f"lens-pipeline: {sentence}", file=sys.stderr, flush=True)


@contextmanager
def _messages() -> Iterator[None]:
    """Show what the package logs, as plain lines, for as long as a command runs."""
    logger = logging.getLogger("lens_pipeline")
    screen = logging.StreamHandler()
    screen.setFormatter(logging.Formatter("%(message)s"))
    level, logger.propagate = logger.level, False
    logger.addHandler(screen)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(screen)
        logger.setLevel(level)
        logger.propagate = True
