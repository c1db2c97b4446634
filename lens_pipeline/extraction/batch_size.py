"""How many stimuli go through the model at once: evenly many, and half as many out of memory.

Kernels are chosen by batch size, so a stimulus in a shorter batch would differ in its last bits
from the same stimulus elsewhere. All batches of a Task therefore have one size, and the last is
filled up; the size is chosen so that little has to be filled.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lens_pipeline.errors import BudgetError
from lens_pipeline.runtime.memory import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from lens_pipeline.task import Task

_LOG = logging.getLogger(__name__)


class Reported:
    """Tells of each batch that was written, and can take it all back.

    What is taken back is reported with a minus: a Task that starts again tells it once more.
    """

    def __init__(self, on_batch: Callable[[int, int], None] | None) -> None:
        self._on_batch = on_batch
        self._told = (0, 0)

    def __call__(self, n_stimuli: int, n_bytes: int) -> None:
        """Report a batch by its number of stimuli and the bytes that they took."""
        self._told = (self._told[0] + n_stimuli, self._told[1] + n_bytes)
        if self._on_batch:
            self._on_batch(n_stimuli, n_bytes)

    def take_back(self) -> None:
        """Undo what was reported."""
        if any(self._told):
            self(-self._told[0], -self._told[1])


def even_size(n_stimuli: int, most: int) -> int:
    """Return the size of equal batches, of at most `most`, that fill up as little as can be.

    >>> even_size(92, 32), even_size(98, 32), even_size(7, 32)
    (31, 25, 7)
    """
    n_batches = -(-n_stimuli // most)
    return -(-n_stimuli // n_batches)


def smaller_size(size: int, error: Exception, task: Task) -> int:
    """Return half the batch size where memory was short; raise the error where it was not."""
    if not is_out_of_memory(error):
        raise error
    if size == 1:
        raise BudgetError(
            f"{task.model.name} does not fit into the memory of {task.runtime.device} with a "
            "single stimulus; choose fewer layers, or set runtime.device to one with more."
        ) from error
    _LOG.warning(
        "Out of memory with batches of %d stimuli; going on with %d from %r on (set "
        "runtime.batch_size=%d to start with it).",
        *(size, size // 2, task.ids[0], size // 2),
    )
    return size // 2
