"""What follows a command that is about a run folder: the folder, then options name=value.

They are written like settings, so that one way of writing serves the whole command line; there is
no Hydra under them, because a run folder brings its config with it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.errors import ConfigError, StoreError, nearest
from lens_pipeline.pipeline.job.record import RECORD, Record, read_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# a folder may hold an equals sign of its own
_OPTION = re.compile(r"[a-z_]+=")
# choices that are all told to whoever made another
_FEW = 4


def run_and_options(
    command: str, words: Sequence[str], options: Mapping[str, str]
) -> tuple[Path, dict[str, str]]:
    """Return the run folder and every option, by default as in `options`.

    Raises ConfigError for anything else, with the command as it is written.
    """
    (folder,), found = runs_and_options(command, words, options, n_runs=1)
    return folder, found


def runs_and_options(
    command: str, words: Sequence[str], options: Mapping[str, str], *, n_runs: int
) -> tuple[tuple[Path, ...], dict[str, str]]:
    """Return the run folders and every option, as `run_and_options` does for one."""
    runs = ["RUN"] if n_runs == 1 else [f"RUN_{letter}" for letter in "AB"[:n_runs]]
    usage = " ".join([command, *runs, *(f"[{name}={value}]" for name, value in options.items())])
    plain = [word for word in words if not _OPTION.match(word)]
    if len(plain) != n_runs:
        several = "one run folder" if n_runs == 1 else "two run folders"
        raise ConfigError(f"{command} takes {several}: {usage}.")
    given = dict(word.split("=", 1) for word in words if _OPTION.match(word))
    for name in given:
        if name not in options:
            hint = nearest(name, options) if options else "it takes none"
            raise ConfigError(f"{command} has no option {name}; {hint}: {usage}.")
    return tuple(Path(word).expanduser() for word in plain), {**options, **given}


def choice(name: str, value: str, allowed: Sequence[str]) -> str:
    """Return `value`, or raise ConfigError if it is not allowed for the option `name`."""
    if value not in allowed:
        hint = nearest(value, allowed) if len(allowed) > _FEW else f"give {' or '.join(allowed)}"
        raise ConfigError(f"{name}={value} is not allowed; {hint}.")
    return value


def number(name: str, value: str) -> float:
    """Return `value` as a number of 0 or more, or raise ConfigError."""
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise ConfigError(f"{name}={value} is not allowed; give a number of 0 or more.")
    return found


def recorded_run(folder: Path) -> Record:
    """Return the record of a run folder; raises StoreError where there is none."""
    record = read_record(folder)
    if record is None:
        raise StoreError(f"There is no run in {folder}: {_what_else(folder)}.")
    return record


def run_with_activations(folder: Path) -> Record:
    """Return the record of a run folder; raises StoreError also where rsa.online deleted them."""
    from lens_pipeline.pipeline.job.online import check_kept

    record = recorded_run(folder)
    check_kept(folder, record.analysis)
    return record


def _what_else(folder: Path) -> str:
    from lens_pipeline.pipeline.sweep.record import SWEEP

    if (folder / SWEEP).is_file():
        return f"it is of a sweep, and `status {folder}` tells the folders of its runs"
    return f"it has no {RECORD}"
