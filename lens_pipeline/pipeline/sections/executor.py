"""The settings of the executor: who carries out the tasks of a run."""

from __future__ import annotations

from dataclasses import dataclass

from lens_pipeline.pipeline import settings
from lens_pipeline.pipeline.settings import one_of, setting
from lens_pipeline.pipeline.sizes import SIZE


@dataclass(frozen=True)
class ExecutorConfig:
    """Who runs the tasks."""

    # key of EXECUTORS
    name: str = setting(one_of("serial", "dask", "address", "slurm", "pbs", "sge"), "serial")
    # worker processes, of each job where there are jobs; of no use to serial
    workers: int = setting(settings.POSITIVE_INT, 1)
    # a running scheduler, such as tcp://host:8786; None starts a local cluster
    address: str | None = setting(settings.OPTIONAL_TEXT, None)
    # of slurm, pbs and sge: batch jobs, and what each is given; None is the site's default
    jobs: int = setting(settings.POSITIVE_INT, 1)
    cores: int = setting(settings.POSITIVE_INT, 1)
    # bytes
    memory: int = setting(SIZE, 16 * 10**9)
    walltime: str | None = setting(settings.OPTIONAL_TEXT, "04:00:00")
    queue: str | None = setting(settings.OPTIONAL_TEXT, None)
    # further lines of the job script: for the batch system, and commands before the worker
    directives: tuple[str, ...] = setting(settings.TEXTS, ())
    prologue: tuple[str, ...] = setting(settings.TEXTS, ())
