"""The jobs of a sweep on their way to a plan: inputs found here, models probed on the workers.

Two jobs that turn out to have one folder would make the same; the second is left out. Two that
differ only in what is made of their activations have those computed once.
"""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lens_pipeline.digests import digest_value
from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.analysis.brain import check_covariances
from lens_pipeline.pipeline.executors.registry import unreported
from lens_pipeline.pipeline.job.budget import Bill, bill_of, check_disk, check_memory
from lens_pipeline.pipeline.job.kept_shards import finished_keys, unfinished
from lens_pipeline.pipeline.job.plan import Outline, make_plan
from lens_pipeline.pipeline.job.probing import (
    ProbeOrder,
    attributes,
    known_outline,
    outline_of,
    probe_as_ordered,
    probe_order,
)
from lens_pipeline.pipeline.job.run import Orders, orders_for
from lens_pipeline.pipeline.job.stages import Ready, get_ready, readable_record
from lens_pipeline.pipeline.sweep.record import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lens_pipeline.digests import FileStamp
    from lens_pipeline.extraction import Structure
    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.pipeline.executors.registry import CarryOut, Report, Work
    from lens_pipeline.pipeline.sweep.record import SweepRecord

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planned:
    """A job of which it is known what it will do; small, whatever the number of stimuli."""

    config: Config
    outline: Outline
    bill: Bill
    # what its workers are told; None where no task is left
    orders: Orders | None
    # digest of its shards: their keys, and what is written into each
    shards: str
    # the job whose shards it takes; None where it makes its own
    shared: str | None = None


@dataclass(frozen=True)
class Planning:
    """The jobs on their way to a plan; inputs are held only while a worker probes the model."""

    record: SweepRecord
    planned: dict[str, Planned] = field(default_factory=dict)
    # digests of the files that any job reads
    known: dict[str, FileStamp] = field(default_factory=dict)
    _ready: dict[str, Ready] = field(default_factory=dict)

    def orders(self, name: str) -> Iterator[tuple[str, ProbeOrder]]:
        """Find a job's inputs, and yield what to probe unless an earlier run did."""
        config = self.record.entries[name].config
        try:
            ready = get_ready(config, sweep=True, known=self.known)
        except LensError as error:
            tell(self.record, name, error)
            return
        self.known.update(ready.inputs.files)
        config, stand_ins = ready.config, ready.inputs.stand_ins
        if not self.record.found(name, ready.folder, config=config, stand_ins=stand_ins):
            return
        outline = known_outline(config, ready.inputs, readable_record(ready.folder))
        plan = outline and make_plan(config, ready.inputs, outline=outline, folder=ready.folder)
        if outline and plan and not unfinished(plan):
            self.planned[name] = _planned(ready, outline, None)
            return
        self._ready[name] = ready
        yield name, probe_order(config, ready.inputs)

    def probed(self, name: str, outline: Outline, structure: Structure) -> None:
        """Take what a worker found out; a job whose analysis does not fit it is left out."""
        ready = self._ready.pop(name)
        try:
            check_covariances(ready.config, outline.layers)
        except LensError as error:
            tell(self.record, name, error)
            return
        self.planned[name] = _planned(ready, outline, structure)
        _LOG.info("planned %s", name)

    def failed(self, name: str, _task: Any, error: Exception) -> None:
        """Leave out a job whose model cannot be probed."""
        del self._ready[name]
        tell(self.record, name, error)


def plan_jobs(names: Sequence[str], planning: Planning, carry_out: CarryOut) -> None:
    """Find every job's inputs and probe its model on a worker; jobs that fail are noted."""
    queues = {name: planning.orders(name) for name in names}
    with closing(carry_out(queues, _probing, report=unreported, failed=planning.failed)) as probes:  # type: ignore[type-var]
        for found in probes:
            planning.probed(*found)
    # in the order of the sweep, whoever was first
    done = {name: planning.planned[name] for name in names if name in planning.planned}
    planning.planned.clear()
    planning.planned.update(_shared(done))


def _shared(planned: Mapping[str, Planned]) -> dict[str, Planned]:
    """Have shards that several jobs want made by the first of them."""
    first: dict[str, str] = {}
    found = dict(planned)
    for name, one in planned.items():
        if one.orders and first.setdefault(one.shards, name) != name:
            other = first[one.shards]
            _LOG.info("%s takes the activations of %s, computed once", name, other)
            bill = replace(one.bill, n_left=0, seconds=0.0)
            found[name] = replace(one, bill=bill, orders=None, shared=other)
    return found


def check_bills(planned: Mapping[str, Planned]) -> None:
    """Raise BudgetError if there is no room for all jobs together."""
    bills = [one.bill for one in planned.values()]
    check_disk(bills)
    check_memory(bills)


def _planned(ready: Ready, outline: Outline, structure: Structure | None) -> Planned:
    plan = make_plan(ready.config, ready.inputs, outline=outline, folder=ready.folder)
    attrs = attributes(plan)
    orders = None if structure is None else orders_for(plan, structure, attrs=attrs, sweep=True)
    bill = bill_of(plan, done=finished_keys(plan))
    shards = digest_value([[part.key for part in plan.slices], attrs])
    return Planned(ready.config, outline, bill, orders, shards)


@contextmanager
def _probing(name: str) -> Iterator[Work]:  # noqa: ARG001  every queue is probed alike
    yield _probe


def _probe(task: tuple[str, ProbeOrder], report: Report) -> tuple[str, Outline, Structure]:  # noqa: ARG001
    name, order = task
    probed = probe_as_ordered(order)
    return name, outline_of(probed), probed.structure
