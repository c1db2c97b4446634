"""Work before and behind the forward pass."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from lens_pipeline.extraction.overlap import Seconds, counted, done_behind, made_ahead


def test_results_come_in_order_whoever_is_ready_first() -> None:
    """A slow first item holds back the others and loses none."""

    def make(item: int) -> int:
        time.sleep(0.05 if item == 0 else 0)
        return item * item

    assert list(made_ahead(make, range(20), threads=4, ahead=8)) == [n * n for n in range(20)]


def test_no_more_is_made_than_was_asked_for() -> None:
    """Memory is bounded: beside what was asked for, `ahead` items are begun and no more."""
    begun: list[int] = []
    results = made_ahead(begun.append, range(100), threads=2, ahead=3)
    next(results)
    time.sleep(0.05)
    assert len(begun) == 4
    results.close()  # type: ignore[attr-defined]
    assert len(begun) == 4


def test_an_error_comes_up_at_its_own_item() -> None:
    """What was made before an item that fails is still given out."""

    def make(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    results = made_ahead(make, range(9), threads=2, ahead=9)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_things_are_done_behind_in_order_and_all_by_the_end() -> None:
    """The end waits for what is under way."""
    done: list[int] = []

    def do(item: int) -> None:
        time.sleep(0.002)
        done.append(item)

    with done_behind(do) as later:
        for item in range(10):
            later(item)
    assert done == list(range(10))


def test_a_second_one_waits_while_one_is_under_way() -> None:
    """Only one batch waits to be written, so a slow disk does not fill the memory."""
    gate, begun = threading.Event(), []

    def do(item: int) -> None:
        begun.append(item)
        gate.wait(5)

    with done_behind(do) as later:
        later(1)
        waiting = threading.Thread(target=later, args=(2,))
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        gate.set()
        waiting.join(5)
    assert begun == [1, 2]


def test_an_error_behind_comes_up_and_stops_the_rest() -> None:
    """A full disk is told at the next batch, not at the end of the run."""
    done: list[int] = []

    def do(item: int) -> None:
        if item == 1:
            raise OSError("disk full")
        done.append(item)

    def all_of_them() -> None:
        with done_behind(do) as later:
            for item in range(10):
                later(item)

    with pytest.raises(OSError, match="disk full"):
        all_of_them()
    assert done == [0]


def test_an_error_behind_comes_up_at_the_end_too() -> None:
    """The last batch is not forgotten."""

    def do(_: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), done_behind(do) as later:
        later(1)


def test_time_is_added_up_also_of_what_failed() -> None:
    """Time is counted by what it was spent on."""
    seconds = Seconds()
    for _ in range(2):
        with counted(seconds, "writing"):
            time.sleep(0.01)
    with contextlib.suppress(ValueError), counted(seconds, "computing"):
        time.sleep(0.01)
        raise ValueError
    assert 0.02 <= seconds.writing < 1
    assert 0.01 <= seconds.computing < 1
    assert seconds.decoding == 0
