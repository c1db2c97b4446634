"""The main job: from a config to a run folder with activations, RDMs, tables and figures.

A finished job is recognised before anything heavy is imported; the stages of the others are those
of `stages`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from lens_pipeline.pipeline.config import Config, read_config
from lens_pipeline.pipeline.console import announce, say
from lens_pipeline.pipeline.job.stages import (
    begin,
    claimed,
    conclude,
    failure_recorded,
    find_finished,
    get_ready,
    readable_record,
)
from lens_pipeline.pipeline.job.summary import summary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lens_pipeline.pipeline.job.record import Record
    from lens_pipeline.pipeline.job.stages import Ready

_LOG = logging.getLogger(__name__)


def run_job(plain: Mapping[str, Any], *, sweep: bool = False) -> Path:
    """Do everything that the config asks for and return the run folder.

    In a sweep `run.folder` is where each job makes a folder of its own. Raises LensError for
    whatever cannot be done; what was finished by then is kept.
    """
    config = read_config(plain)
    finished = find_finished(config, sweep=sweep)
    if finished:
        folder, record = finished
        announce(record.stand_ins)
        say(summary(folder, record, fresh=True))
        return folder
    return _do(config, sweep=sweep)


def describe_plan(plain: Mapping[str, Any]) -> str:
    """Return what run_job would do, as text; nothing is written.

    Raises LensError for whatever would keep it from being done, too little disk or memory included.
    """
    from lens_pipeline.pipeline.analysis.brain import check_covariances
    from lens_pipeline.pipeline.analysis.inferring import describe_inference
    from lens_pipeline.pipeline.job.budget import check_budget
    from lens_pipeline.pipeline.job.kept_shards import finished_keys
    from lens_pipeline.pipeline.job.plan import describe
    from lens_pipeline.pipeline.job.probing import plan_run

    ready = get_ready(read_config(plain), sweep=False)
    config = ready.config
    announce(ready.inputs.stand_ins)
    plan, _ = plan_run(config, ready.inputs, folder=ready.folder, earlier=None)
    layers = plan.outline.layers
    check_covariances(config, layers)
    check_budget(plan, done=finished_keys(plan))
    n_rdms = sum(len(layer.passes) for layer in layers)
    return "\n".join([describe(plan), *describe_inference(config, ready.foreseen, n_models=n_rdms)])


def _do(config: Config, *, sweep: bool) -> Path:
    started = time.perf_counter()
    ready = get_ready(config, sweep=sweep)
    announce(ready.inputs.stand_ins)
    with claimed(ready.folder):
        record = _extract_and_analyse(ready, started=started)
    announce(record.stand_ins)
    say(summary(ready.folder, record, fresh=False))
    return ready.folder


def _extract_and_analyse(ready: Ready, *, started: float) -> Record:
    from lens_pipeline.pipeline.job.budget import check_budget
    from lens_pipeline.pipeline.job.kept_shards import sound_keys
    from lens_pipeline.pipeline.job.probing import attributes, plan_run, probe_model
    from lens_pipeline.pipeline.job.run import run_tasks

    config, inputs, folder = ready.config, ready.inputs, ready.folder
    earlier = readable_record(folder)
    plan, probed = plan_run(config, inputs, folder=folder, earlier=earlier)
    finished = sound_keys(plan)
    check_budget(plan, done=finished)
    record = begin(plan, earlier)
    kept = f", {len(finished)} of them finished before" if finished else ""
    _LOG.info("%d tasks%s -> %s", len(plan.tasks), kept, folder)
    spent: dict[str, float] = {}
    if len(finished) < len(plan.tasks):
        with failure_recorded(folder, record):
            probed = probed or probe_model(config, inputs)
            spent = run_tasks(plan, probed, attrs=attributes(plan), done=finished)
    return conclude(plan, record, started=started, spent=spent)
