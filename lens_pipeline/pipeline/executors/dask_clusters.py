"""Where Dask workers come from: this machine, a scheduler's address, or a batch system.

A batch system is asked by dask-jobqueue, the optional extra `cluster`. Each of its jobs starts
worker processes of one task at a time; the cores of a job are what torch may use, not a number of
tasks. Whatever was started here is stopped when the block ends, however it ends.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import importlib.util
import logging
import math
import shutil
import signal
import threading
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dask
from distributed import Client, LocalCluster

from lens_pipeline.errors import ConfigError, LensError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lens_pipeline.pipeline.sections.executor import ExecutorConfig

_LOG = logging.getLogger(__name__)
# Seconds that a scheduler has to answer.
PATIENCE = 30.0


@dataclass(frozen=True)
class Cluster:
    """Workers and the way to them."""

    # enters a connection to the scheduler
    connect: Callable[[], AbstractContextManager[Client]]
    # the workers were started here and for this alone
    ours: bool
    # the scheduler is not part of this process, so it may come back after it was lost
    lasting: bool
    # " at ADDRESS", or nothing for a cluster of our own
    where: str


@contextmanager
def open_cluster(options: ExecutorConfig) -> Iterator[Cluster]:
    """Start or find the workers that `options` names.

    Raises LensError when no scheduler answers, ConfigError when dask-jobqueue is not installed or
    jobs cannot be submitted here.
    """
    address = options.address
    if address is not None:
        with _connected(address):
            pass
        yield Cluster(lambda: _connected(address), ours=False, lasting=True, where=f" at {address}")
        return
    batch = options.name in BATCH_SYSTEMS
    if batch:
        _check_submission(options.name)
    started: Any
    with batch_cluster(options) if batch else _local_cluster(options.workers) as started:
        if batch:
            started.scale(jobs=options.jobs)
            _LOG.info("%s has %d jobs; work begins with the first", options.name, options.jobs)
        yield Cluster(lambda: _connected(started), ours=True, lasting=False, where="")


@contextmanager
def _connected(address: Any) -> Iterator[Client]:
    try:
        with _interrupt_kept() as came:
            client = Client(address, set_as_default=False, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise LensError(
            f"No Dask scheduler answers at executor.address={address}: start one with "
            "`dask scheduler`, or leave the address out for a local cluster."
        ) from error
    with _quiet("distributed.client"), client:
        if came:
            raise KeyboardInterrupt
        if importlib.util.find_spec("bokeh"):
            _LOG.info("Dask dashboard: %s", client.dashboard_link)
        yield client


@contextmanager
def _interrupt_kept() -> Iterator[list[int]]:
    """Yield a list that a Ctrl-C is put into instead of being raised.

    A client that is cut off in the making is never closed, and is waited for when Python ends.
    """
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    if (
        handler is not signal.default_int_handler
        or threading.current_thread() is not threading.main_thread()
    ):
        yield came
        return
    signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, handler)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Leave out what a logger has to say, such as of a lost scheduler, which is said here."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _local_cluster(workers: int) -> Iterator[LocalCluster]:
    # Worker memory is the operating system's affair: Dask's limits would pause or kill a worker
    # whose model is large, and a port of its own keeps two runs on one machine apart.
    quiet = {
        "distributed.admin.tick.limit": "1h",
        "distributed.worker.memory.terminate": False,
        "distributed.scheduler.allowed-failures": 1,
    }
    with dask.config.set(quiet), _started(workers) as cluster:
        yield cluster


def _started(workers: int) -> LocalCluster:
    """Return a cluster, a second one if a worker dies before it has begun: none takes its place."""
    for again in (True, False):
        try:
            return LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        except RuntimeError as error:
            if not again:
                raise LensError(
                    f"The {workers} Dask workers did not start, most likely for want of memory: "
                    "lower executor.workers, or give executor=serial."
                ) from error
            _LOG.warning("a Dask worker died as it started; starting the workers again")
    raise AssertionError


def _slurm(options: ExecutorConfig) -> dict[str, Any]:
    return {"job_cpu": options.cores}


def _pbs(options: ExecutorConfig) -> dict[str, Any]:
    return {"resource_spec": f"select=1:ncpus={options.cores}:mem={_megabytes(options)}MB"}


def _sge(options: ExecutorConfig) -> dict[str, Any]:
    return {"resource_spec": f"h_vmem={_megabytes(options)}M"}


def _megabytes(options: ExecutorConfig) -> int:
    return math.ceil(options.memory / 1e6)


# name of the executor -> class in dask_jobqueue, and the arguments that are its own
BATCH_SYSTEMS: Mapping[str, tuple[str, Callable[[ExecutorConfig], dict[str, Any]]]] = {
    "slurm": ("SLURMCluster", _slurm),
    "pbs": ("PBSCluster", _pbs),
    "sge": ("SGECluster", _sge),
}


def _check_submission(name: str) -> None:
    """Raise ConfigError where the command that submits jobs is not there."""
    command = {"slurm": "sbatch"}.get(name, "qsub")
    if shutil.which(command) is None:
        raise ConfigError(
            f"executor={name} needs {command}, which this machine does not have: give the command "
            "where jobs are submitted."
        )


def batch_cluster(options: ExecutorConfig) -> Any:
    """Return dask-jobqueue's cluster of no jobs yet; `job_script()` shows what a job would run.

    Raises ConfigError without dask-jobqueue.
    """
    # imported, dask-jobqueue has Ctrl-C end the process at once and without a word
    handler = signal.getsignal(signal.SIGINT)
    try:
        import dask_jobqueue

        signal.signal(signal.SIGINT, handler)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"executor={options.name} needs dask-jobqueue: pip install 'lens-pipeline[cluster]'."
        ) from error
    name, own = BATCH_SYSTEMS[options.name]
    return getattr(dask_jobqueue, name)(
        # Dask's cores are threads, and a worker does one task at a time.
        cores=options.workers,
        processes=options.workers,
        memory=f"{options.memory}B",
        queue=options.queue,
        walltime=options.walltime,
        job_extra_directives=list(options.directives),
        job_script_prologue=list(options.prologue),
        scheduler_options={"dashboard_address": ":0"},
        **own(options),
    )
