"""Tasks in Dask worker processes: a local cluster, or a scheduler that is already running.

What travels is small: a task on the way out, its result on the way back. The setup is sent to each
worker once, as a plugin, and entered when the worker starts on its first task, so that an error in
it reaches the caller like any other. A worker that dies is replaced and its task is done again
elsewhere; a task that has seen four workers die under it is taken to be the cause.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import importlib.util
import logging
import signal
import threading
import uuid
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import dask
import distributed
from distributed import Client, LocalCluster, WorkerPlugin, get_worker

from lens_pipeline.errors import LensError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lens_pipeline.pipeline.config import ExecutorConfig
    from lens_pipeline.pipeline.executors import Report, Setup, Work

_LOG = logging.getLogger(__name__)
# Tasks given out per worker thread: one to do and one to go on with.
_AHEAD = 2
_TOPIC = "lens-pipeline"
# Seconds that a scheduler and its first worker have to answer.
_PATIENCE = 30.0


class _Prepared(WorkerPlugin):
    """Holds what a setup made, for as long as the worker lives."""

    def __init__(self, setup: Setup, name: str, *, ours: bool) -> None:
        self.name = name
        self._setup = setup
        self._ours = ours

    def setup(self, worker: Any) -> None:
        self._worker = worker
        if self._ours:
            _keep_quiet()
        # One task at a time: a model is not made to be called by two threads.
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._work: Work | None = None

    def teardown(self, worker: Any) -> None:  # noqa: ARG002  the plugin protocol
        self._stack.close()

    def perform(self, task: Any) -> Any:
        with self._lock:
            if self._work is None:
                self._work = self._stack.enter_context(self._setup())
            return self._work(task, self._report)

    def _report(self, stimuli: int, size: int) -> None:
        self._worker.log_event(_TOPIC, (self.name, stimuli, size))


def _keep_quiet() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, and messages to the caller."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("lens_pipeline").setLevel(logging.ERROR)


def run_on_dask(
    tasks: Sequence[Any], setup: Setup, *, options: ExecutorConfig, report: Report
) -> Iterator[Any]:
    """Yield the result of each task as it is ready.

    Raises what a task raised, and LensError when workers keep dying under one task or when no
    scheduler answers at `options.address`.
    """
    name = f"lens-pipeline-{uuid.uuid4().hex}"
    prepared = _Prepared(setup, name, ours=options.address is None)
    with _client(options, len(tasks)) as client, _plugin(client, prepared):
        _forward_reports(client, name, report)
        queue = iter(tasks)
        running = distributed.as_completed(loop=client.loop)
        for task in islice(queue, _AHEAD * _threads(client)):
            running.add(client.submit(_perform, name, task, pure=False))
        for future in running:
            yield _result(future)
            for task in islice(queue, 1):
                running.add(client.submit(_perform, name, task, pure=False))


def _perform(name: str, task: Any) -> Any:
    prepared = get_worker().plugins[name]
    assert isinstance(prepared, _Prepared)
    return prepared.perform(task)


def _result(future: distributed.Future[Any]) -> Any:
    try:
        return future.result()
    except distributed.KilledWorker as error:
        raise LensError(
            "Workers kept dying under one task, most likely for want of memory: lower "
            "executor.workers or runtime.batch_size and start again; finished shards are kept."
        ) from error
    finally:
        future.release()


def _threads(client: Client) -> int:
    client.wait_for_workers(1, timeout=_PATIENCE)
    return max(1, sum(client.nthreads().values()))


def _forward_reports(client: Client, name: str, report: Report) -> None:
    def forward(event: tuple[float, tuple[str, int, int]]) -> None:
        sender, stimuli, size = event[1]
        if sender == name:
            report(stimuli, size)

    client.subscribe_topic(_TOPIC, forward)


@contextmanager
def _plugin(client: Client, plugin: _Prepared) -> Iterator[None]:
    client.register_plugin(plugin, name=plugin.name)
    try:
        yield
    finally:
        client.unregister_worker_plugin(plugin.name)


@contextmanager
def _client(options: ExecutorConfig, n_tasks: int) -> Iterator[Client]:
    with ExitStack() as stack:
        address: str | LocalCluster | None = options.address
        if address is None:
            address = stack.enter_context(_local_cluster(min(options.workers, max(1, n_tasks))))
        try:
            client = stack.enter_context(Client(address, set_as_default=False, timeout=_PATIENCE))
        except (OSError, ValueError) as error:
            raise LensError(
                f"No Dask scheduler answers at executor.address={address}: start one with "
                "`dask scheduler`, or leave the address out for a local cluster."
            ) from error
        if importlib.util.find_spec("bokeh"):
            _LOG.info("Dask dashboard: %s", client.dashboard_link)
        yield client


@contextmanager
def _local_cluster(workers: int) -> Iterator[LocalCluster]:
    # Worker memory is the operating system's affair: Dask's limits would pause or kill a worker
    # whose model is large, and a port of its own keeps two runs on one machine apart.
    quiet = {"distributed.admin.tick.limit": "1h", "distributed.worker.memory.terminate": False}
    with (
        dask.config.set(quiet),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster
