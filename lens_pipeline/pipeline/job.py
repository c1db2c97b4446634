"""The main job: from a config to a run folder with activations, RDMs, tables and figures.

A finished job is recognised before anything heavy is imported. Otherwise each stage leaves what it
made, so that a job that was stopped goes on from there, and record.json says at every moment what
the results are made from.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.config import Config, config_digest, plain_config, read_config
from lens_pipeline.pipeline.console import announce, say
from lens_pipeline.pipeline.freshness import changes
from lens_pipeline.pipeline.record import CONFIG, RECORD, Record, read_record, write_record
from lens_pipeline.pipeline.summary import summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lens_pipeline.digests import FileStamp

_LOG = logging.getLogger(__name__)

RUNS = Path("runs")


def run_job(plain: Mapping[str, Any], *, sweep: bool = False) -> Path:
    """Do everything that the config asks for and return the run folder.

    In a sweep `run.folder` is where each job makes a folder of its own. Raises LensError for
    whatever cannot be done; what was finished by then is kept.
    """
    config = read_config(plain)
    finished = _finished(config, sweep=sweep)
    if finished:
        folder, record = finished
        announce(record.stand_ins)
        say(summary(folder, record, fresh=True))
        return folder
    return _do(config, sweep=sweep)


def describe_plan(plain: Mapping[str, Any]) -> str:
    """Return what run_job would do, as text; nothing is written.

    Raises LensError for whatever would keep it from being done, too little disk included.
    """
    from lens_pipeline.pipeline.inputs import find_inputs
    from lens_pipeline.pipeline.plan import check_budget, describe
    from lens_pipeline.pipeline.probing import plan_run
    from lens_pipeline.pipeline.run import finished_keys

    config = read_config(plain)
    inputs = find_inputs(config)
    announce(inputs.stand_ins)
    folder = run_folder(config, stand_in=bool(inputs.stand_ins))
    plan, _ = plan_run(config, inputs, folder=folder, earlier=None)
    check_budget(plan, done=finished_keys(plan))
    return describe(plan)


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


def _finished(config: Config, *, sweep: bool) -> tuple[Path, Record] | None:
    for stand_in in (False, True):
        folder = run_folder(config, stand_in=stand_in, sweep=sweep)
        record = _readable_record(folder)
        if record and record.outputs and not changes(record, folder, config=config):
            return folder, record
    return None


def _known_files(config: Config, *, sweep: bool) -> dict[str, FileStamp]:
    """Return the digests that earlier runs of this job remembered."""
    folders = [run_folder(config, stand_in=given, sweep=sweep) for given in (False, True)]
    records = [_readable_record(folder) for folder in dict.fromkeys(folders)]
    return {path: stamp for record in records if record for path, stamp in record.files.items()}


def _readable_record(folder: Path) -> Record | None:
    """Return the record, or None with a warning where it is damaged: the run makes a new one."""
    try:
        return read_record(folder)
    except LensError as error:
        _LOG.warning("%s", error)
        return None


def _do(config: Config, *, sweep: bool) -> Path:
    from lens_pipeline.pipeline.analysis import check_analysis, reference_files
    from lens_pipeline.pipeline.inputs import find_inputs

    started = time.perf_counter()
    known = _known_files(config, sweep=sweep)
    inputs = find_inputs(config, others=reference_files(config), known=known)
    announce(inputs.stand_ins)
    check_analysis(config, inputs.stimuli.ids)
    folder = run_folder(config, stand_in=bool(inputs.stand_ins), sweep=sweep)
    with _claimed(folder):
        earlier = _readable_record(folder)
        _tell_changes(earlier, folder, config)
        record = _extract(config, inputs, folder, earlier=earlier)
        record = _analyse(config, record, folder)
        seconds = {**record.seconds, "all": time.perf_counter() - started}
        record = replace(record, outputs=_outputs(folder), seconds=seconds)
        write_record(folder, record)
    announce(record.stand_ins)
    say(summary(folder, record, fresh=False))
    return folder


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; one that was made for nothing is removed again."""
    from lens_pipeline.store.atomic import remove_leftovers
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


def _tell_changes(earlier: Record | None, folder: Path, config: Config) -> None:
    if earlier is None:
        return
    for change in changes(earlier, folder, config=config):
        _LOG.info("Changed since the last run in %s: %s", folder, change)


def _extract(config: Config, inputs: Any, folder: Path, *, earlier: Record | None) -> Record:
    """Bring the activations up to date and return the record of them, nothing analysed yet."""
    from lens_pipeline.pipeline.plan import check_budget
    from lens_pipeline.pipeline.probing import attributes, new_record, plan_run, probe_model
    from lens_pipeline.pipeline.run import finished_keys, index_shards, run_tasks

    started = time.perf_counter()
    plan, probed = plan_run(config, inputs, folder=folder, earlier=earlier)
    finished = finished_keys(plan)
    check_budget(plan, done=finished)
    record = new_record(plan)
    _write_config(folder, config)
    write_record(folder, record)
    kept = f", {len(finished)} of them finished before" if finished else ""
    _LOG.info("%d tasks%s -> %s", len(plan.tasks), kept, folder)
    with _failure_recorded(folder, record):
        if len(finished) < len(plan.tasks):
            probed = probed or probe_model(config, inputs)
            run_tasks(plan, probed, attrs=attributes(plan))
        index_shards(plan, attrs=attributes(plan))
    return replace(record, seconds={"activations": time.perf_counter() - started})


def _analyse(config: Config, record: Record, folder: Path) -> Record:
    from lens_pipeline.pipeline.analysis import analyse

    started = time.perf_counter()
    _LOG.info("comparing representations")
    with _failure_recorded(folder, record):
        facts = analyse(config, folder)
    seconds = {**record.seconds, "analysis": time.perf_counter() - started}
    return replace(record, analysis=facts, seconds=seconds)


@contextmanager
def _failure_recorded(folder: Path, record: Record) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        with suppress(LensError):
            write_record(folder, replace(record, failure=str(error) or type(error).__name__))
        raise


def _write_config(folder: Path, config: Config) -> None:
    import yaml

    from lens_pipeline.store.atomic import write_text

    text = yaml.safe_dump(plain_config(config), sort_keys=False, allow_unicode=True)
    write_text(folder / CONFIG, text)


def _outputs(folder: Path) -> dict[str, int]:
    """Return the size of every file that belongs to the results, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name != RECORD
    }
