"""What a mistyped command line is told: one sentence that says what was meant, where that is known.

It knows the words and settings that there are and no Hydra, whose texts it is given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lens_pipeline.errors import ConfigError, nearest
from lens_pipeline.pipeline.commands import COMMANDS
from lens_pipeline.pipeline.config import setting_names
from lens_pipeline.resources import conf_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Hydra's own way to another machine, which would start a process, or a cluster, for each job.
_LAUNCHER = re.compile(r"[~+]*hydra[/.]launcher\b")
# settings that hold whatever the user names
_OPEN = ("model.arguments",)


def check_launcher(words: Sequence[str]) -> None:
    """Raise ConfigError for a launcher of Hydra's."""
    for word in words:
        if _LAUNCHER.match(word) and word != "hydra/launcher=basic":
            raise ConfigError(
                f"{word} is not for this program, in which one cluster serves a whole sweep: give "
                "executor=dask, address, slurm, pbs or sge."
            )


def unknown_command(words: Sequence[str]) -> ConfigError:
    """Return the error for first words that are no command."""
    first, second = words[0], next((word for word in words[1:2] if word.isidentifier()), "")
    group = [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{first} ")]
    if group:
        not_this = f", not {second!r}" if second else ""
        return ConfigError(f"{first} takes one of {', '.join(group)}{not_this}.")
    if meant := _meant(first):
        return ConfigError(f"There is no command {first!r}; {meant}.")
    near = nearest(f"{first} {second}".strip(), COMMANDS)
    return ConfigError(f"There is no command {first!r}; {near}.")


def unreadable(word: str) -> str:
    """Return the sentence for a word after the command that is no setting=value."""
    if word.count("[") != word.count("]"):
        return f"Cannot read {word!r}: a list has no spaces, as in name=[a,b], and ends with a ]."
    if meant := _meant(word):
        return f"Cannot read {word!r}: {meant}."
    return (
        f"Cannot read {word!r}: a setting is written name=value, without spaces around the =, and "
        f"a value with spaces or any of ()[]{{}}=,' is quoted twice, as in 'name=\"a value\"'."
    )


def unknown_choice(group: str, name: str, choices: Sequence[str]) -> str:
    """Return the sentence for a config that a group does not have, with the nearest."""
    named = [choice for choice in choices if not choice.startswith("_")]
    return f"There is no {group}={name}; {nearest(name, named)}."


def in_our_words(text: str) -> str:
    """Return the sentence for what Hydra or OmegaConf says; its own text where there is none."""
    for pattern, sentence in _SENTENCES.items():
        if found := re.search(pattern, text):
            return sentence(*found.groups())
    return text


def _meant(word: str) -> str | None:
    """Return what a word alone may have been meant as; None where nothing is known."""
    if word in {command.split()[0] for command in COMMANDS}:
        return f"a command comes first, as in lens-pipeline {word}"
    name = re.split("[:= ]", word)[0]
    if name in setting_names():
        return f"a setting is written with its value, without spaces: {name}=VALUE"
    found = sorted(conf_folder().glob(f"*/{word}.yaml")) if word.isidentifier() else []
    return f"it is written {found[0].parent.name}={word}" if found else None


def _unknown_setting(name: str) -> str:
    """Return the sentence for a setting that there is not, with the nearest."""
    if name.rpartition(".")[0] in _OPEN:
        return f"{name} is new, and what is new is written with a plus: +{name}=VALUE."
    return f"There is no setting {name}; {nearest(name, setting_names())}."


def _several_values(name: str, values: str) -> str:
    """Return the sentence for values with commas where no sweep was asked for."""
    alone = (conf_folder() / name).is_dir()
    as_list = "" if alone else f"write {name}=[{values}] for a list, or "
    return f"{name}={values} is ambiguous: {as_list}add -m to sweep."


# what Hydra or OmegaConf says -> the sentence for what it names
_SENTENCES: dict[str, Callable[..., str]] = {
    r"Could not (?:override|delete from config\.) '([^']+)'": _unknown_setting,
    r"Ambiguous value for argument '([^']+?)=([^']*)'": _several_values,
    r"Missing mandatory value: .*full_key: (\S+)": "{0} has to be given: {0}=VALUE.".format,
    r"(?:Multiple values for |already at ')(\w[\w.]*\w)": "{} is set: write it without +.".format,
    r"Interpolation key '([^']+)' not found": "${{{}}} names no setting.".format,
    r"Additional config directory '(.*)' not found": "There is no folder {} of configs.".format,
    r"Cannot find primary config '([^']+)'": "There is no config {} to begin with.".format,
}
