"""What was done: layers and what was measured of them, where the time went."""

from __future__ import annotations

from lens_pipeline.report.facts import (
    duration,
    headline,
    layer_rows,
    reproduce,
    run_cells,
    time_shares,
)
from tests.report.conftest import RECORD


def test_a_run_is_said_in_a_line() -> None:
    """What saw what, how much of it and for how long; a run without a record has empty cells."""
    record = {**RECORD, "seconds": {"all": 75.0}}
    assert headline(record) == (
        "resnet18 on things",
        "Weights random, seed 3; 4 of things; 1 layers, 2 passes; computed in 1 min 15 s.",
    )
    file = {**RECORD, "model": {**RECORD["model"], "weights": "/data/net.pth"}}
    assert run_cells(file) == ("resnet18", "net.pth", "4 of things", "1", "2", "")
    assert set(run_cells(None)) == {""}


def test_layers_have_their_measured_facts() -> None:
    """Other names, shape, certificate, mode: a column for each that any layer has."""
    header, rows = layer_rows(RECORD)
    assert header == (
        *("layer", "also called", "passes", "shape"),
        *("batch of 1 or more", "1 or more threads", "mode"),
    )
    assert rows == [("layer1", "add_1, layer1.1", "2", "4 x 2 x 2", "0", "2.5e-07", "fast")]


def test_a_certificate_is_said_in_words() -> None:
    """What does not depend on anything, and by how much what does."""
    batch, threads = reproduce(RECORD)
    assert batch == (
        "By measurement, activations depend on the number of stimuli in a batch not at all."
    )
    assert threads.endswith("number of threads by 2.5e-07 of a layer's largest value at most.")
    assert reproduce({"structure": {"layers": [{"name": "a"}]}}) == ()


def test_time_has_shares_of_stages_and_of_tasks() -> None:
    """Each list sums to one."""
    (stages, wall), (tasks, work) = time_shares(RECORD)
    assert (stages, tasks) == ("Stages", "Tasks, of all workers together")
    assert wall == (("activations", "1 min 15 s", 0.75), ("analysis", "25.0 s", 0.25))
    assert work == (("decoding", "3.0 s", 0.25), ("computing", "9.0 s", 0.75))
    assert time_shares({"seconds": {}}) == ()


def test_durations() -> None:
    """Two units at most."""
    assert [duration(s) for s in (0.04, 59.94, 3_725)] == ["0.0 s", "59.9 s", "1 h 2 min"]
