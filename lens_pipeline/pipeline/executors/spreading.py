"""Spreading: which task a worker gets next, so that it seldom has to load another model.

A worker stays with the queue it is at. When that is empty it begins the first queue that nobody
has begun, and when all are begun it helps where the fewest workers are. So a sweep of many models
loads each about once, and its last models are shared by all workers.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lens_pipeline.pipeline.executors.registry import Queues


@final
class Spread:
    """The tasks that nobody has yet, and at which queue each worker is."""

    def __init__(self, queues: Queues) -> None:
        # queues that may have more, in the order in which they are begun
        self._left: dict[str, Iterator[Any]] = {name: iter(q) for name, q in queues.items()}
        # tasks that a lost worker or scheduler gave back
        self._again: list[tuple[str, Any]] = []
        self._at: dict[str, str] = {}

    def take(self, worker: str) -> tuple[str, Any] | None:
        """Return the queue and the task that `worker` is to do next; None when all are given."""
        if self._again:
            return self._again.pop(0)
        for name in self._preferred(worker):
            for task in self._left[name]:
                self._at[worker] = name
                return name, task
            del self._left[name]
        return None

    def give_back(self, name: str, task: Any) -> None:
        """Have a task done again."""
        self._again.append((name, task))

    def keep(self, workers: Collection[str]) -> None:
        """Forget the workers that are no longer there."""
        self._at = {worker: name for worker, name in self._at.items() if worker in workers}

    def _preferred(self, worker: str) -> list[str]:
        crowd = Counter(name for who, name in self._at.items() if who != worker)
        own = self._at.get(worker)
        return sorted(self._left, key=lambda name: (name != own, crowd[name]))
