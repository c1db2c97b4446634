"""The disk and memory budgets: what is refused, with which arithmetic and which way out."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from lens_pipeline.errors import BudgetError
from lens_pipeline.pipeline.analysis.rdm_room import rdm_memory
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.budget import bill_of, check_budget, check_disk, check_memory
from lens_pipeline.pipeline.job.inputs import find_inputs
from lens_pipeline.pipeline.job.plan import Plan, make_plan
from lens_pipeline.pipeline.sections.executor import ExecutorConfig
from tests.pipeline.job.test_plan import OUTLINE, UNITS

RDMS = 4 * 4 * 6 * 6
WIDE = dataclasses.replace(UNITS, passes=(1,), shape=(1024,))


@pytest.fixture
def plan(study: Path, plain: dict[str, Any]) -> Plan:
    """Six stimuli, two layers, one stimulus a shard."""
    config = read_config(plain)
    return make_plan(config, find_inputs(config), outline=OUTLINE, folder=study / "out")


def with_settings(plan: Plan, section: str, **settings: Any) -> Plan:
    """The plan with other settings of a section."""
    changed = dataclasses.replace(getattr(plan.config, section), **settings)
    return dataclasses.replace(plan, config=dataclasses.replace(plan.config, **{section: changed}))


def test_what_is_finished_costs_nothing(plan: Plan) -> None:
    """Only the stimuli of tasks that are not done are counted."""
    assert bill_of(plan).disk == 6 * (4096 + 48) + RDMS
    done = {plan.slices[0].key, plan.slices[5].key}
    assert bill_of(plan, done=done).disk == 4 * (4096 + 48) + RDMS
    assert bill_of(plan, done=done).seconds == 4 * 0.5


def test_the_disk(plan: Plan) -> None:
    """Enough is enough; too little is told with the arithmetic and what would fit."""
    check_budget(plan, free=10**6)
    with pytest.raises(BudgetError) as caught:
        check_budget(plan, free=20_000)
    text = str(caught.value)
    assert "6 stimuli x 4.1 kB and 576 B of RDMs come to 26.7 kB with 5% for indexes" in text
    assert "20.0 kB free" in text
    assert "postfunction=spatial_mean would take about" in text
    everything = {part.key for part in plan.slices}
    check_budget(plan, done=everything, free=20_000)


def test_a_limit_of_the_users_own(plan: Plan) -> None:
    """run.max_disk is told as such; the most stimuli that fit are named where pooling cannot."""
    outline = dataclasses.replace(OUTLINE, layers=(WIDE,), bytes_per_stimulus=4096)
    limited = with_settings(plan, "run", max_disk=20_000)
    with pytest.raises(BudgetError) as caught:
        check_budget(dataclasses.replace(limited, outline=outline), free=10**9)
    assert "run.max_disk is 20.0 kB; stimuli.limit=4 would fit" in str(caught.value)


def test_jobs_are_added_up(plan: Plan) -> None:
    """Two jobs that fit alone may not fit together."""
    bill = bill_of(plan)
    check_disk([bill], free=30_000)
    with pytest.raises(BudgetError, match=r"2 jobs with 49.7 kB of activations \(most in out: 6 "):
        check_disk([bill, bill], free=30_000)


def test_the_memory(plan: Plan) -> None:
    """The largest batch that fits is named, and fits; with too many workers, fewer."""
    need = bill_of(plan).need
    assert bill_of(plan).memory == need.peak(32) > need.peak(7)
    check_budget(plan, free=10**9, memory=need.peak(32))
    with pytest.raises(BudgetError, match=r"with batches of 32, and .*; runtime.batch_size=7 woul"):
        check_memory([bill_of(plan)], memory=need.peak(8) - 1)
    check_memory([bill_of(with_settings(plan, "runtime", batch_size=7))], memory=need.peak(7))
    both = dataclasses.replace(
        bill_of(plan),
        config=with_settings(plan, "executor", **vars(ExecutorConfig("dask", workers=2))).config,
    )
    with pytest.raises(BudgetError, match=r"2 workers x 40.0 MB .* executor.workers=1 with "):
        check_memory([both], memory=need.peak(32))
    with pytest.raises(BudgetError, match=r"one stimulus at a time takes 40.0 MB, so choose"):
        check_memory([both], memory=need.peak(1) - 1)
    with pytest.raises(BudgetError, match=r"program and the model alone take 40.0 MB, so allow"):
        check_memory([both], memory=need.peak(0) - 1)


def test_the_memory_of_the_analysis(plan: Plan) -> None:
    """Also where all activations are there; in a sweep as often as jobs are analysed at once."""
    workers = with_settings(plan, "executor", **vars(ExecutorConfig("dask", workers=2)))
    bill = dataclasses.replace(bill_of(workers), n_left=0, analysis=10**9)
    check_memory([bill], memory=10**9)
    with pytest.raises(BudgetError, match=r"out .*: comparing its RDMs takes about 1.0 GB, and th"):
        check_memory([bill], memory=10**9 - 1)
    check_memory([bill] * 2, memory=2 * 10**9)
    check_memory([bill] * 5, memory=3 * 10**9)
    with pytest.raises(BudgetError, match=r"1.0 GB, 3 jobs at once 3.0 GB, and .*; lower executor"):
        check_memory([bill] * 5, memory=3 * 10**9 - 1)
    limited = dataclasses.replace(bill, config=with_settings(workers, "run", max_memory=1).config)
    with pytest.raises(BudgetError, match=r"run.max_memory is 1 B; choose fewer layers"):
        check_memory([limited], memory=10**12)
    cluster = with_settings(plan, "executor", **vars(ExecutorConfig("slurm", memory=10**7)))
    remote = dataclasses.replace(bill, config=cluster.config)
    with pytest.raises(BudgetError, match=r"executor.memory is 10.0 MB for each job; choose fewer"):
        check_memory([remote] * 2)


def test_what_an_analysis_takes(plan: Plan) -> None:
    """By the RDMs that there will be; none where none are asked for."""
    assert bill_of(plan).analysis == rdm_memory(6, 4)
    assert bill_of(with_settings(plan, "rsa", method="none")).analysis == 0


def test_jobs_of_a_cluster_have_their_own_memory(plan: Plan) -> None:
    """executor.memory is what counts, not this machine's."""
    options = ExecutorConfig("slurm", memory=10**7)
    bill = dataclasses.replace(
        bill_of(plan), config=with_settings(plan, "executor", **vars(options)).config
    )
    with pytest.raises(BudgetError, match=r"executor.memory is 10.0 MB for each job"):
        check_memory([bill], memory=10**12)
