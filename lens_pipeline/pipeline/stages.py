"""The stages of a job: recognised as finished, made ready, begun, concluded.

A single run goes through them one after the other, a sweep goes through them job by job while the
workers are at other jobs. Each stage leaves what it made, so that a job that was stopped goes on
from there, and record.json says at every moment what the results are made from.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.config import Config, config_digest, plain_config
from lens_pipeline.pipeline.freshness import changes
from lens_pipeline.pipeline.record import CONFIG, RECORD, Record, read_record, write_record
from lens_pipeline.pipeline.time_shares import task_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lens_pipeline.digests import FileStamp
    from lens_pipeline.pipeline.inputs import Inputs
    from lens_pipeline.pipeline.plan import Plan

_LOG = logging.getLogger(__name__)

RUNS = Path("runs")


@dataclass(frozen=True)
class Ready:
    """A job whose inputs are found and whose analysis was checked as far as it can be."""

    config: Config
    inputs: Inputs
    folder: Path


def run_folder(config: Config, *, stand_in: bool, sweep: bool = False) -> Path:
    """Return where the results of `config` go."""
    wanted = config.stimuli
    given = wanted.table or wanted.root if wanted.name == wanted.source else None
    stimuli = given.stem if given else wanted.name
    name = f"{config.model.name}-{stimuli}-{config_digest(config)[:8]}"
    name = re.sub(r"[^\w.-]+", "_", name) + ("-stand-in" if stand_in else "")
    if config.run.folder is None:
        return RUNS / name
    return config.run.folder / name if sweep else config.run.folder


def find_finished(config: Config, *, sweep: bool) -> tuple[Path, Record] | None:
    """Return the folder and record of a run whose results stand as they are."""
    for stand_in in (False, True):
        folder = run_folder(config, stand_in=stand_in, sweep=sweep)
        record = readable_record(folder)
        if record and record.outputs and not changes(record, folder, config=config):
            return folder, record
    return None


def get_ready(
    config: Config, *, sweep: bool, known: Mapping[str, FileStamp] | None = None
) -> Ready:
    """Find everything the job is made from and check what can be checked before it is run.

    `known`: digests of files that are known already. Raises LensError for what is not there.
    """
    from lens_pipeline.pipeline.analysis import check_analysis
    from lens_pipeline.pipeline.brain import reference_files
    from lens_pipeline.pipeline.inputs import find_inputs

    stamps = {**_known_files(config, sweep=sweep), **(known or {})}
    inputs = find_inputs(config, others=reference_files(config), known=stamps)
    check_analysis(config, inputs.stimuli.ids, inputs.stimuli.labels)
    folder = run_folder(config, stand_in=bool(inputs.stand_ins), sweep=sweep)
    return Ready(config, inputs, folder)


def _known_files(config: Config, *, sweep: bool) -> dict[str, FileStamp]:
    """Return the digests that earlier runs of this job remembered."""
    folders = [run_folder(config, stand_in=given, sweep=sweep) for given in (False, True)]
    records = [readable_record(folder) for folder in dict.fromkeys(folders)]
    return {path: stamp for record in records if record for path, stamp in record.files.items()}


def readable_record(folder: Path) -> Record | None:
    """Return the record, or None with a warning where it is damaged: the run makes a new one."""
    try:
        return read_record(folder)
    except LensError as error:
        _LOG.warning("%s", error)
        return None


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; one that was made for nothing is removed again."""
    from lens_pipeline.atomic import remove_leftovers
    from lens_pipeline.store.lock import folder_lock

    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with folder_lock(folder):
        remove_leftovers(folder)
        try:
            yield
        finally:
            if made and not (folder / RECORD).exists():
                shutil.rmtree(folder)
                with suppress(OSError):
                    for path in made[1:]:
                        path.rmdir()


def begin(plan: Plan, earlier: Record | None) -> Record:
    """Write the config and the record of what is going to be made; the folder is claimed.

    Raises ComparisonError for what does not fit the sizes of the layers, which are known by now.
    """
    from lens_pipeline.pipeline.brain import check_covariances
    from lens_pipeline.pipeline.probing import new_record

    check_covariances(plan.config, plan.outline.layers)
    if earlier:
        for change in changes(earlier, plan.folder, config=plan.config):
            _LOG.info("Changed since the last run in %s: %s", plan.folder, change)
    record = new_record(plan)
    _write_config(plan.folder, plan.config)
    write_record(plan.folder, record)
    return record


def conclude(plan: Plan, record: Record, *, started: float, spent: Mapping[str, float]) -> Record:
    """Index the shards, all of which are there, analyse them, and return the final record.

    `started`: what time.perf_counter() said when the job began; `spent`: the seconds of its tasks
    by what they were spent on.
    """
    from lens_pipeline.pipeline.online import drop_activations
    from lens_pipeline.pipeline.probing import attributes
    from lens_pipeline.pipeline.reporting import report_run
    from lens_pipeline.pipeline.run import index_shards

    with failure_recorded(plan.folder, record):
        index_shards(plan, attrs=attributes(plan))
    seconds = {"activations": time.perf_counter() - started, **task_seconds(spent)}
    record = replace(record, seconds=seconds)
    record = _analyse(plan.config, record, plan.folder)
    if plan.config.rsa.online:
        record = replace(record, analysis={**record.analysis, **drop_activations(plan.folder)})
    seconds = {**record.seconds, "all": time.perf_counter() - started}
    record = replace(record, seconds=seconds)
    with failure_recorded(plan.folder, record):
        report_run(plan.folder, record)
    record = replace(record, outputs=_outputs(plan.folder))
    write_record(plan.folder, record)
    return record


def _analyse(config: Config, record: Record, folder: Path) -> Record:
    from lens_pipeline.pipeline.analysis import analyse

    started = time.perf_counter()
    _LOG.info("comparing representations")
    with failure_recorded(folder, record):
        facts = analyse(config, folder)
    seconds = {**record.seconds, "analysis": time.perf_counter() - started}
    return replace(record, analysis=facts, seconds=seconds)


@contextmanager
def failure_recorded(folder: Path, record: Record) -> Iterator[None]:
    """Write into the record what is raised in the block, and let it pass."""
    try:
        yield
    except Exception as error:
        with suppress(LensError):
            write_record(folder, replace(record, failure=str(error) or type(error).__name__))
        raise


def _write_config(folder: Path, config: Config) -> None:
    import yaml

    from lens_pipeline.atomic import write_text

    text = yaml.safe_dump(plain_config(config), sort_keys=False, allow_unicode=True)
    write_text(folder / CONFIG, text)


def _outputs(folder: Path) -> dict[str, int]:
    """Return the size of every file that belongs to the results, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name != RECORD
    }
