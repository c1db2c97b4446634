"""Which task a worker gets next."""

from collections.abc import Iterator

from lens_pipeline.pipeline.executors.spreading import Spread


def taken(spread: Spread, workers: str) -> list[str]:
    """What the workers get, one letter each, in that order; `.` for nothing."""
    found = [spread.take(worker) for worker in workers]
    return ["." if one is None else f"{one[0]}{one[1]}" for one in found]


def test_workers_stay_with_a_queue_and_begin_new_ones() -> None:
    """Each of two workers has a queue of its own as long as there are two."""
    spread = Spread({"a": range(3), "b": range(2), "c": range(2)})
    assert taken(spread, "121212") == ["a0", "b0", "a1", "b1", "a2", "c0"]
    assert taken(spread, "12") == ["c1", "."]


def test_the_last_queue_is_shared() -> None:
    """A worker without a queue of its own helps where the fewest are."""
    spread = Spread({"a": range(9), "b": range(9)})
    assert taken(spread, "1234") == ["a0", "b0", "a1", "b1"]
    assert taken(Spread({"a": range(3)}), "123") == ["a0", "a1", "a2"]


def test_a_worker_that_is_gone_leaves_its_queue_to_others() -> None:
    """The queue counts as one that nobody is at."""
    spread = Spread({"a": range(9), "b": range(9)})
    assert taken(spread, "12") == ["a0", "b0"]
    spread.keep({"2"})
    assert taken(spread, "3") == ["a1"]


def test_what_is_given_back_comes_first() -> None:
    """A task of a lost scheduler is done again, also when the queues are empty."""
    spread = Spread({"a": range(1)})
    assert taken(spread, "1") == ["a0"]
    spread.give_back("a", 0)
    assert taken(spread, "21") == ["a0", "."]


def test_queues_are_read_late() -> None:
    """A queue's first task is made when a worker asks for it."""
    begun: list[str] = []

    def queue(name: str) -> Iterator[int]:
        begun.append(name)
        yield 0

    spread = Spread({"a": queue("a"), "b": queue("b")})
    spread.take("1")
    assert begun == ["a"]
