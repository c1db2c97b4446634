"""What a Dask worker holds between tasks: a plugin that keeps one queue's setup entered."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import logging
import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import dask
from distributed import WorkerPlugin, get_worker

from lens_pipeline.runtime.pages import keep_pages

if TYPE_CHECKING:
    from lens_pipeline.pipeline.executors.registry import Setup, Work

# Under which workers send (name of the plugin, stimuli, bytes) to whoever subscribes.
TOPIC = "lens-pipeline"


class UnknownRunError(Exception):
    """The worker is that of another scheduler than the one that was told of the run."""


class Prepared(WorkerPlugin):
    """Holds what the setup of one queue made, until a task of another queue comes.

    `name` is also what its reports are sent under; `ours`: the worker was started for this.
    """

    def __init__(self, setup: Setup, name: str, *, ours: bool) -> None:
        self.name = name
        self._setup = setup
        self._ours = ours

    def setup(self, worker: Any) -> None:
        """Make the worker ready; nothing is entered yet."""
        self._worker = worker
        if self._ours:
            keep_pages()
            _keep_quiet()
        # One task at a time: a model is not made to be called by two threads.
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._queue: str | None = None
        self._work: Work | None = None

    def teardown(self, worker: Any) -> None:  # noqa: ARG002  the plugin protocol
        """Leave what was entered."""
        self._leave()

    def perform(self, queue: str, task: Any) -> Any:
        """Do one task, entering the setup of its queue if that of another is held.

        Left to itself, xarray in a worker would lock files and compute through the cluster.
        """
        with self._lock, dask.config.set(scheduler="threads"):
            if self._work is None or self._queue != queue:
                self._leave()
                self._work = self._stack.enter_context(self._setup(queue))
                self._queue = queue
            return self._work(task, self._report)

    def _leave(self) -> None:
        self._work = None
        self._stack.close()

    def _report(self, stimuli: int, size: int) -> None:
        self._worker.log_event(TOPIC, (self.name, stimuli, size))


def _keep_quiet() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, and messages to the caller."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("lens_pipeline").setLevel(logging.ERROR)


def perform(name: str, queue: str, task: Any) -> Any:
    """Do a task on this worker with what the plugin of that name holds."""
    prepared = get_worker().plugins.get(name)
    if prepared is None:
        raise UnknownRunError(name)
    assert isinstance(prepared, Prepared)
    return prepared.perform(queue, task)
