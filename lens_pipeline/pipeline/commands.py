"""The words of the command line: a thin function for each, and the registry of them.

A composed command gets the config that Hydra composed and whether it is one job of a sweep; a bare
one gets the words that follow it. Both return an exit code and raise LensError. What they do stands
in other modules, imported when asked for, so that a light command stays light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lens_pipeline.errors import ConfigError

# the composed config, whether this is one job of a sweep -> exit code
Composed = Callable[[dict[str, Any], bool], int]
# (what differs, composed config) of every job of a sweep -> exit code
Swept = Callable[[Sequence[tuple[str, dict[str, Any]]]], int]
# the words after the command -> exit code
Bare = Callable[[list[str]], int]

OK, INVALID, FAILED = 0, 1, 2


@dataclass(frozen=True)
class Word:
    """A command: either `composed` or `bare` is there."""

    composed: Composed | None = None
    bare: Bare | None = None
    # for all jobs of a sweep at once; without it, `composed` gets one after the other
    swept: Swept | None = None
    # raises ConfigError for jobs that cannot be carried out one after the other
    refuse: Callable[[Sequence[tuple[str, dict[str, Any]]]], None] | None = None


def _run(plain: dict[str, Any], sweep: bool) -> int:  # noqa: FBT001
    from lens_pipeline.pipeline.job.job import run_job

    run_job(plain, sweep=sweep)
    return OK


def _run_all(composed: Sequence[tuple[str, dict[str, Any]]]) -> int:
    from lens_pipeline.pipeline.sweep.run import read_jobs, run_sweep

    return OK if run_sweep(read_jobs(composed)) else FAILED


def _plan_all(composed: Sequence[tuple[str, dict[str, Any]]]) -> int:
    from lens_pipeline.pipeline.sweep.run import describe_sweep, read_jobs

    return OK if describe_sweep(read_jobs(composed)) else FAILED


def _plan(plain: dict[str, Any], sweep: bool) -> int:  # noqa: ARG001, FBT001
    from lens_pipeline.pipeline.job.job import describe_plan

    print(describe_plan(plain))
    return OK


def _validate(plain: dict[str, Any], sweep: bool) -> int:  # noqa: FBT001
    from lens_pipeline.pipeline.words.validating import validate_model

    return OK if validate_model(plain, sweep=sweep) else INVALID


def _summary(plain: dict[str, Any], sweep: bool) -> int:  # noqa: ARG001, FBT001
    from lens_pipeline.pipeline.words.summarising import summarise

    print(summarise(plain))
    return OK


def _draw(plain: dict[str, Any], sweep: bool) -> int:  # noqa: FBT001
    from lens_pipeline.pipeline.words.picturing import draw_model

    draw_model(plain, sweep=sweep)
    return OK


def _refuse_drawings(composed: Sequence[tuple[str, dict[str, Any]]]) -> None:
    from lens_pipeline.pipeline.words.picturing import refuse_one_file

    refuse_one_file(composed)


def _list_layers(plain: dict[str, Any], sweep: bool) -> int:  # noqa: ARG001, FBT001
    from lens_pipeline.pipeline.words import listing

    print(listing.layers(plain))
    return OK


def _list_models(words: list[str]) -> int:
    from lens_pipeline.pipeline.words import listing

    _nothing_after("list models", words)
    print(listing.models())
    return OK


def _list_configs(group: str) -> Bare:
    def list_them(words: list[str]) -> int:
        from lens_pipeline.pipeline.words import listing

        _nothing_after(f"list {group}", words)
        print(listing.configs(group))
        return OK

    return list_them


def _status(words: list[str]) -> int:
    from lens_pipeline.pipeline.words.status import describe_status

    if len(words) > 1:
        raise ConfigError("status takes one folder at most: status runs/NAME, or status alone.")
    print(describe_status(Path(words[0]) if words else None))
    return OK


def _verify(words: list[str]) -> int:
    from lens_pipeline.pipeline.words.options import choice, run_and_options
    from lens_pipeline.pipeline.words.verifying import verify_command

    folder, options = run_and_options("verify", words, {"repair": "false"})
    repair = choice("repair", options["repair"], ("true", "false")) == "true"
    return OK if verify_command(folder, repair=repair) else INVALID


def _replay(words: list[str]) -> int:
    from lens_pipeline.pipeline.words.options import number, run_and_options
    from lens_pipeline.pipeline.words.replaying import replay_command

    folder, options = run_and_options("replay", words, {"tolerance": "0"})
    tolerance = number("tolerance", options["tolerance"])
    return OK if replay_command(folder, tolerance=tolerance) else INVALID


def _repack(words: list[str]) -> int:
    from lens_pipeline.pipeline.words.options import run_and_options
    from lens_pipeline.pipeline.words.repacking import OPTIONS, repack_command

    repack_command(*run_and_options("repack", words, OPTIONS))
    return OK


def _export(words: list[str]) -> int:
    from lens_pipeline.pipeline.words.exporting import export_command, export_words

    folder, name, options = export_words(words)
    export_command(folder, name, options)
    return OK


def _report(words: list[str]) -> int:
    from lens_pipeline.pipeline.sweep.reporting import make_report

    if len(words) != 1:
        raise ConfigError("report takes one folder, of a run or of a sweep: report runs/NAME.")
    print(make_report(Path(words[0])))
    return OK


def _partition(words: list[str]) -> int:
    from lens_pipeline.pipeline.words.options import runs_and_options
    from lens_pipeline.pipeline.words.partitioning import OPTIONS, partition_command

    partition_command(*runs_and_options("partition", words, OPTIONS, n_runs=2))
    return OK


def _nothing_after(command: str, words: list[str]) -> None:
    if words:
        raise ConfigError(f"{command} takes nothing more, not {words[0]!r}.")


COMMANDS: dict[str, Word] = {
    "run": Word(composed=_run, swept=_run_all),
    "plan": Word(composed=_plan, swept=_plan_all),
    "validate": Word(composed=_validate),
    "summary": Word(composed=_summary),
    "draw": Word(composed=_draw, refuse=_refuse_drawings),
    "list models": Word(bare=_list_models),
    "list stimuli": Word(bare=_list_configs("stimuli")),
    "list brain": Word(bare=_list_configs("brain")),
    "list layers": Word(composed=_list_layers),
    "status": Word(bare=_status),
    "verify": Word(bare=_verify),
    "repack": Word(bare=_repack),
    "export": Word(bare=_export),
    "replay": Word(bare=_replay),
    "report": Word(bare=_report),
    "partition": Word(bare=_partition),
}
