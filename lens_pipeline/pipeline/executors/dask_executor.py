"""Tasks in Dask workers: a local cluster, a scheduler that is already running, or batch jobs.

What travels is small: a task on the way out, its result on the way back. The setup is sent to each
worker once, as a plugin, and entered when the worker starts on the first task of a queue, so that
an error in it reaches the caller like any other. A worker that dies is replaced and its tasks are
done again elsewhere. Tasks that have seen several workers die are tried once more, each alone, so
that none is blamed for another's doing; one that kills workers again is given up. When a scheduler
is lost, the tasks that were out are given to it again as soon as it answers.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import functools
import logging
import time
import uuid
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import distributed

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.executors.dask_clusters import open_cluster
from lens_pipeline.pipeline.executors.dask_worker import TOPIC, Prepared, UnknownRunError, perform
from lens_pipeline.pipeline.executors.spreading import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Client

    from lens_pipeline.pipeline.executors.dask_clusters import Cluster
    from lens_pipeline.pipeline.executors.registry import CarryOut, Failed, Queues, Report, Setup
    from lens_pipeline.pipeline.sections.executor import ExecutorConfig

_LOG = logging.getLogger(__name__)
# Tasks given out per worker: one to do and one to go on with.
_AHEAD = 2
# Seconds after which workers that came or went are looked for, when nothing else happens.
_LOOK = 2.0
# How often workers are told of a run while some of them die.
_TELLINGS = 5
# How often a scheduler may be lost before that is an error.
_LOSSES = 2


@contextmanager
def open_dask(options: ExecutorConfig) -> Iterator[CarryOut]:
    """Start or find the workers that `options` names, for as many queues of tasks as are wanted.

    Raises LensError when no scheduler answers, or a batch system is not there.
    """
    with open_cluster(options) as cluster:
        yield functools.partial(_carry_out, cluster)


@dataclass(frozen=True)
class _Errand:
    """A task that is out."""

    queue: str
    task: Any
    # address of the worker it is meant for; None for any
    worker: str | None = None
    # nothing else is out, so that a worker's death is its doing
    alone: bool = False


@dataclass(frozen=True)
class _Errands:
    """Tasks, those that are out among them."""

    spread: Spread
    # by the key of the future
    out: dict[str, _Errand] = field(default_factory=dict)
    # of those that are out; a future that is let go is forgotten by the scheduler
    futures: dict[str, distributed.Future[Any]] = field(default_factory=dict)
    # tasks under which workers died, or beside others under which they did
    suspects: list[_Errand] = field(default_factory=list)
    # futures as they are done
    arrived: SimpleQueue[distributed.Future[Any]] = field(default_factory=SimpleQueue)


def _carry_out(
    cluster: Cluster,
    queues: Queues,
    setup: Setup,
    *,
    report: Report,
    failed: Failed | None = None,
) -> Iterator[Any]:
    """Yield the result of each task as it is ready; see registry.CarryOut."""
    errands = _Errands(Spread(queues))
    lost = 0
    while True:
        try:
            with _again(cluster, errands) if lost else cluster.connect() as client:
                yield from _until_done(client, errands, setup, cluster, report, failed)
        except _SchedulerLostError as error:
            lost += 1
            if lost > _LOSSES or not cluster.lasting:
                raise _lost(cluster, errands) from error
            _LOG.warning("the Dask scheduler%s was lost; looking for it again", cluster.where)
        else:
            return


@contextmanager
def _again(cluster: Cluster, errands: _Errands) -> Iterator[Client]:
    """Connect once more, and have the tasks that were out done again."""
    with ExitStack() as stack:
        try:
            client = stack.enter_context(cluster.connect())
        except LensError as error:
            raise _lost(cluster, errands) from error
        for errand in (*errands.out.values(), *errands.suspects):
            errands.spread.give_back(errand.queue, errand.task)
        errands.out.clear()
        errands.futures.clear()
        errands.suspects.clear()
        yield client


def _lost(cluster: Cluster, errands: _Errands) -> LensError:
    queues = dict.fromkeys(errand.queue for errand in errands.out.values())
    return LensError(
        f"The Dask scheduler{cluster.where} was lost during {', '.join(queues) or 'the run'}; "
        "finished shards are kept: start a scheduler and give the same command again."
    )


class _DeadlyError(LensError):
    """Workers died under a task."""


class _SchedulerLostError(Exception):
    """The connection to the scheduler broke and does not come back."""


def _until_done(
    client: Client,
    errands: _Errands,
    setup: Setup,
    cluster: Cluster,
    report: Report,
    failed: Failed | None,
) -> Iterator[Any]:
    name = f"lens-pipeline-{uuid.uuid4().hex}"
    prepared = Prepared(setup, name, ours=cluster.ours)
    with _plugin(client, prepared):
        _forward_reports(client, name, report)
        _give_out(client, name, errands)
        while errands.out or errands.suspects:
            if not errands.out:
                _submit(client, name, errands, errands.suspects.pop(0))
            for errand, result in _arrivals(errands):
                if not isinstance(result, Exception):
                    yield result
                elif failed is None or isinstance(result, _SchedulerLostError):
                    raise result
                else:
                    failed(errand.queue, errand.task, result)
            _give_out(client, name, errands)


def _arrivals(errands: _Errands) -> Iterator[tuple[_Errand, Any]]:
    """Yield a task that is done with its result, or with what it raised; nothing for a while."""
    try:
        future = errands.arrived.get(timeout=_LOOK)
    except Empty:
        return
    key = str(future.key)
    errand = errands.out.get(key)
    if errand is None:
        return
    try:
        result = _result(future, errand.queue)
    except TimeoutError:
        # The worker died with the result, and the scheduler has the task done again by itself: a
        # future tells that it is done once only, so it is asked to tell it another time.
        future.add_done_callback(errands.arrived.put)
        return
    except _SchedulerLostError:
        raise
    except Exception as error:  # noqa: BLE001  told by the caller
        result = error
    del errands.out[key], errands.futures[key]
    if not isinstance(result, _DeadlyError):
        yield errand, result
    elif not errand.alone:
        errands.suspects.append(replace(errand, worker=None, alone=True))
    else:
        yield from _given_up(errands, errand, result)


def _given_up(
    errands: _Errands, errand: _Errand, error: Exception
) -> Iterator[tuple[_Errand, Exception]]:
    """Give up a deadly task, and untried those of its queue that are suspected of the same."""
    alike = [one for one in errands.suspects if one.queue == errand.queue]
    errands.suspects[:] = [one for one in errands.suspects if one.queue != errand.queue]
    for one in (errand, *alike):
        yield one, error


def _give_out(client: Client, name: str, errands: _Errands) -> None:
    """Let every worker have its tasks ahead, as long as there are any."""
    workers = _workers(client)
    errands.spread.keep(workers)
    _give_again(client, name, errands, workers)
    for worker in workers * _AHEAD:
        busy = sum(errand.worker == worker for errand in errands.out.values())
        taken = errands.spread.take(worker) if busy < _AHEAD else None
        if taken:
            _submit(client, name, errands, _Errand(*taken, worker))


def _give_again(client: Client, name: str, errands: _Errands, workers: Sequence[str]) -> None:
    """Give the tasks of workers that are gone to any other.

    The scheduler does so itself only while another worker is there: a task that is meant for a
    worker which died as the last one waits for its address for ever.
    """
    for key, errand in list(errands.out.items()):
        if errand.worker is not None and errand.worker not in workers:
            del errands.out[key]
            errands.futures.pop(key).cancel()
            _submit(client, name, errands, replace(errand, worker=None))


def _submit(client: Client, name: str, errands: _Errands, errand: _Errand) -> None:
    where = {"workers": [errand.worker], "allow_other_workers": True} if errand.worker else {}
    future = client.submit(perform, name, errand.queue, errand.task, pure=False, **where)
    errands.out[str(future.key)] = errand
    errands.futures[str(future.key)] = future
    future.add_done_callback(errands.arrived.put)


def _workers(client: Client) -> list[str]:
    """Return the addresses of the workers that are there now, waiting for the first."""
    try:
        found = list(client.nthreads())
        while not found:
            client.wait_for_workers(1)
            found = list(client.nthreads())
    except (OSError, RuntimeError) as error:
        raise _SchedulerLostError(str(error)) from error
    return found


def _result(future: distributed.Future[Any], queue: str) -> Any:
    try:
        return future.result(timeout=_LOOK)
    except distributed.KilledWorker as error:
        raise _DeadlyError(
            f"Workers kept dying under one task of {queue}, most likely for want of memory: lower "
            "executor.workers or runtime.batch_size and start again; finished shards are kept."
        ) from error
    except (distributed.CancelledError, UnknownRunError) as error:
        raise _SchedulerLostError(str(error)) from error


def _forward_reports(client: Client, name: str, report: Report) -> None:
    def forward(event: tuple[float, tuple[str, int, int]]) -> None:
        sender, stimuli, size = event[1]
        if sender == name:
            report(stimuli, size)

    client.subscribe_topic(TOPIC, forward)


@contextmanager
def _plugin(client: Client, plugin: Prepared) -> Iterator[None]:
    _register(client, plugin)
    try:
        yield
    finally:
        # A scheduler that is gone, or is another one by now, does not know it.
        with suppress(OSError, RuntimeError, TimeoutError, ValueError):
            client.unregister_worker_plugin(plugin.name)


def _register(client: Client, plugin: Prepared) -> None:
    """Give the plugin to every worker, again if one dies meanwhile: another takes its place.

    The scheduler may take a moment to notice that a worker is dead.
    """
    for left in reversed(range(_TELLINGS)):
        try:
            client.register_plugin(plugin, name=plugin.name)
        except OSError as error:
            if not left:
                raise _SchedulerLostError(str(error)) from error
            time.sleep(_LOOK / 2)
        else:
            return
