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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.errors import LensError
from lens_pipeline.models.resolve import RANDOM
from lens_pipeline.pipeline.config import Config, config_digest, plain_config, read_config
from lens_pipeline.pipeline.job.freshness import changes
from lens_pipeline.pipeline.job.record import CONFIG, RECORD, Record, read_record, write_record
from lens_pipeline.runtime.pages import pages_given_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lens_pipeline.digests import FileStamp
    from lens_pipeline.pipeline.analysis.inferring import Foreseen
    from lens_pipeline.pipeline.job.inputs import Inputs
    from lens_pipeline.pipeline.job.plan import Plan

_LOG = logging.getLogger(__name__)

RUNS = Path("runs")


@dataclass(frozen=True)
class Ready:
    """A job whose inputs are found and whose analysis was checked as far as it can be."""

    # with model.seed=0 where the weights are trained
    config: Config
    inputs: Inputs
    folder: Path
    # what the analysis will draw of each reference
    foreseen: tuple[Foreseen, ...]


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
    for wanted, folder in _places(config, sweep=sweep):
        record = readable_record(folder)
        if not record or not record.outputs or changes(record, folder, config=wanted):
            continue
        if wanted is config or record.model["weights"] != RANDOM:
            return folder, record
    return None


def _places(config: Config, *, sweep: bool) -> Iterator[tuple[Config, Path]]:
    """Yield where the results may be, and the config of which they would be."""
    unseeded = _unseeded(config)
    for wanted in (config,) if unseeded == config else (config, unseeded):
        for stand_in in (False, True):
            yield wanted, run_folder(wanted, stand_in=stand_in, sweep=sweep)


def _unseeded(config: Config) -> Config:
    """Return the config whose results these are if the weights are trained: the seed is of no use.

    A user's own function may draw more from it than weights.
    """
    if config.model.source == "target" or config.model.weights == RANDOM:
        return config
    return replace(config, model=replace(config.model, seed=0))


def get_ready(
    config: Config, *, sweep: bool, known: Mapping[str, FileStamp] | None = None
) -> Ready:
    """Find everything the job is made from and check what can be checked before it is run.

    `known`: digests of files that are known already. Raises LensError for what is not there.
    Trained weights are computed once, whatever the seed.
    """
    from lens_pipeline.pipeline.analysis.analyse import check_analysis
    from lens_pipeline.pipeline.analysis.brain import reference_files
    from lens_pipeline.pipeline.job.inputs import find_inputs

    stamps = {**_known_files(config, sweep=sweep), **(known or {})}
    inputs = find_inputs(config, others=reference_files(config), known=stamps)
    config, inputs = _settled(config, inputs)
    foreseen = check_analysis(config, inputs.stimuli.ids, inputs.stimuli.labels)
    folder = run_folder(config, stand_in=bool(inputs.stand_ins), sweep=sweep)
    return Ready(config, inputs, folder, foreseen)


def _settled(config: Config, inputs: Inputs) -> tuple[Config, Inputs]:
    """Set the seed of trained weights to 0, so that all who ask for them share the results."""
    spec, unseeded = inputs.model.spec, _unseeded(config)
    if spec.weights == RANDOM or unseeded == config:
        return config, inputs
    _LOG.info(
        "model.seed=%d changes nothing where weights are trained: taken as 0", config.model.seed
    )
    model = replace(inputs.model, spec=replace(spec, seed=0))
    return unseeded, replace(inputs, model=model)


def _known_files(config: Config, *, sweep: bool) -> dict[str, FileStamp]:
    """Return the digests that earlier runs of this job remembered."""
    folders = dict.fromkeys(folder for _, folder in _places(config, sweep=sweep))
    records = [readable_record(folder) for folder in folders]
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
    from lens_pipeline.pipeline.analysis.brain import check_covariances
    from lens_pipeline.pipeline.job.probing import new_record

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

    `started`: what time.perf_counter() said when the job began; `spent`: seconds of its tasks, as
    run.total_seconds returns them.
    """
    record = index(plan, record, spent=spent)
    return finish(plan.folder, record, before=time.perf_counter() - started)


def index(plan: Plan, record: Record, *, spent: Mapping[str, float]) -> Record:
    """Index the shards, all of which are there, and return the record with what was `spent`.

    From here on the job needs nothing but its folder and its record.
    """
    from lens_pipeline.pipeline.job.kept_shards import index_shards
    from lens_pipeline.pipeline.job.probing import attributes

    with failure_recorded(plan.folder, record):
        index_shards(plan, attrs=attributes(plan))
    return replace(record, seconds=spent)


def finish(folder: Path, record: Record, *, before: float) -> Record:
    """Analyse the activations of an index, and return the final record, which is written.

    `before`: seconds that the job took until then.
    """
    from lens_pipeline.pipeline.job.online import drop_activations
    from lens_pipeline.report.page import write_run_report

    started = time.perf_counter()
    config = read_config(record.config)
    record = _analyse(config, record, folder)
    if config.rsa.online:
        record = replace(record, analysis={**record.analysis, **drop_activations(folder)})
    seconds = {**record.seconds, "all": before + time.perf_counter() - started}
    record = replace(record, seconds=seconds)
    with failure_recorded(folder, record):
        write_run_report(folder, record=asdict(record))
    record = replace(record, outputs=_outputs(folder))
    write_record(folder, record)
    return record


def _analyse(config: Config, record: Record, folder: Path) -> Record:
    from lens_pipeline.pipeline.analysis.analyse import analyse
    from lens_pipeline.pipeline.analysis.provenance import made_with
    from lens_pipeline.pipeline.analysis.stale import earlier_results_removed

    started = time.perf_counter()
    _LOG.info("comparing representations")
    with failure_recorded(folder, record), earlier_results_removed(folder), pages_given_back():
        facts = {**analyse(config, folder), **made_with(config, record.files)}
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
