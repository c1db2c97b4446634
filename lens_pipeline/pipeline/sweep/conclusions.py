"""The conclusions of a sweep: what is made of each job's activations once all of them are there.

While workers extract, jobs are concluded in one thread of this process, one at a time because HDF5
is not made for two threads. Those that wait when the last activations are there are carried out by
the workers, as tasks of their own: no more at once than there are workers, and the one that is
under way here. A conclusion needs nothing but the folder of its job, which whoever makes it claims;
so one that was cut off, here or on a machine far away, is made by the next run. Its sums have
`runtime.threads` threads wherever it is made, and so the same last bits.
"""

from __future__ import annotations

import io
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, redirect_stderr
from dataclasses import dataclass, field
from logging.handlers import QueueHandler
from queue import SimpleQueue
from typing import TYPE_CHECKING

from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.executors.registry import unreported
from lens_pipeline.pipeline.job.record import read_record
from lens_pipeline.pipeline.job.stages import claimed, finish
from lens_pipeline.pipeline.sweep.record import tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lens_pipeline.pipeline.executors.registry import CarryOut, Report, Work
    from lens_pipeline.pipeline.sweep.record import SweepRecord

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Indexed:
    """A job of which an index over all activations is there, and a record."""

    name: str
    # absolute, for workers elsewhere
    folder: Path
    # keys of the shards that the index shows
    shards: tuple[str, ...]


@dataclass(frozen=True)
class Conclusions:
    """The jobs that are to be concluded."""

    record: SweepRecord
    # in which jobs are concluded; None: at once
    thread: ThreadPoolExecutor | None
    _asked: dict[Indexed, Future[None]] = field(default_factory=dict)

    def add(self, job: Indexed) -> None:
        """Have a job concluded; what it raises is told."""
        if self.thread:
            self._asked[job] = self.thread.submit(self._conclude, job)
        else:
            self._conclude(job)

    def share(self, carry_out: CarryOut) -> None:
        """Have workers conclude the jobs that nobody has begun."""
        left = {job.name: [job] for job, future in self._asked.items() if future.cancel()}
        if not left:
            return
        _LOG.info("jobs left to be concluded by the workers: %d", len(left))
        with closing(
            carry_out(left, _concluding, report=unreported, failed=self._failed)  # type: ignore[type-var]
        ) as done:
            for job, messages in done:
                for message in messages:
                    _LOG.handle(message)
                self._done(job)

    def _conclude(self, job: Indexed) -> None:
        try:
            conclude_indexed(job)
        except Exception as error:  # noqa: BLE001  the others go on
            tell(self.record, job.name, error)
        else:
            self._done(job)

    def _done(self, job: Indexed) -> None:
        _LOG.info("done %s -> %s", job.name, self.record.entries[job.name].folder)

    def _failed(self, name: str, _job: Indexed, error: Exception) -> None:
        tell(self.record, name, error)


@contextmanager
def concluding(record: SweepRecord, *, aside: bool) -> Iterator[Conclusions]:
    """Yield what has jobs concluded, in a thread of its own if `aside`; at the end all are."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield Conclusions(record, pool if aside else None)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def conclude_indexed(job: Indexed) -> None:
    """Claim the folder of a job, and analyse it unless another run has done so meanwhile.

    Raises StoreError if another run is at it, or has made other activations.
    """
    with claimed(job.folder):
        record = read_record(job.folder)
        if record is None or tuple(part.key for part in record.slices) != job.shards:
            raise StoreError(
                f"Another run has changed {job.folder} meanwhile; give the same command again."
            )
        if record.outputs:
            return
        with _threads(read_config(record.config).runtime.threads):
            finish(job.folder, record, before=record.seconds.get("activations", 0.0))


@contextmanager
def _threads(threads: int) -> Iterator[None]:
    """Set the threads of what the analysis computes with, and set them back."""
    # what is not loaded yet cannot be limited
    from threadpoolctl import threadpool_limits

    import lens_pipeline.pipeline.analysis.analyse  # noqa: F401

    with threadpool_limits(threads):
        yield


@contextmanager
def _concluding(name: str) -> Iterator[Work]:  # noqa: ARG001  every job is concluded alike
    yield _conclude_there


def _conclude_there(job: Indexed, report: Report) -> tuple[Indexed, list[logging.LogRecord]]:  # noqa: ARG001
    """Conclude a job on a worker; messages come back instead of being shown."""
    # the bars of several workers would write over each other
    with _messages() as messages, redirect_stderr(io.StringIO()):
        conclude_indexed(job)
    return job, [messages.get() for _ in range(messages.qsize())]


@contextmanager
def _messages() -> Iterator[SimpleQueue[logging.LogRecord]]:
    """Yield a queue that gets what the package logs."""
    messages: SimpleQueue[logging.LogRecord] = SimpleQueue()
    logger, keeper = logging.getLogger("lens_pipeline"), QueueHandler(messages)
    level, propagate = logger.level, logger.propagate
    logger.addHandler(keeper)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield messages
    finally:
        logger.removeHandler(keeper)
        logger.setLevel(level)
        logger.propagate = propagate
