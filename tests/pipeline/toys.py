"""Toy tasks for executors: a task is an int, its result that int squared and who did it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lens_pipeline.errors import StimulusError
from lens_pipeline.pipeline.executors.dask_worker import Prepared
from lens_pipeline.pipeline.executors.registry import Report, Work


@contextmanager
def squaring(
    notes: Path, queue: str, *, deadly: int = -1, bad: int = -1, always: bool = False
) -> Iterator[Work]:
    """Note every setup and every start; die once in mid-task at `deadly`, raise at `bad`.

    `always`: die at `deadly` whenever it comes.
    """
    with (notes / "setups").open("a") as file:
        file.write(f"{os.getpid()}-{queue}\n")

    def work(task: int, report: Report) -> tuple[int, int]:
        report(1, 10)
        if task == deadly and (always or not (notes / "died").exists()):
            (notes / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if task == bad:
            raise StimulusError(f"stimulus {task} cannot be decoded")
        return task * task, os.getpid()

    yield work
    (notes / "left").touch()


class DyingAtTheDoor(Prepared):
    """What a worker holds; the first worker to be given it dies, noted in $LENS_TOY_NOTES."""

    def setup(self, worker: Any) -> None:
        """Die, or be ready."""
        note = Path(os.environ["LENS_TOY_NOTES"]) / "died"
        if not note.exists():
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().setup(worker)
