"""RDMs that cannot fit are refused before anything is computed, with what makes them smaller."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from lens_pipeline.errors import BudgetError
from lens_pipeline.pipeline.analysis.rdm_room import check_rdm_room
from lens_pipeline.pipeline.config import Config, read_config

LABELS = {"concept": [f"c{row % 1854}" for row in range(26_107)]}


def _config(**given: Any) -> Config:
    model = {"source": "torchvision", "name": "alexnet"}
    stimuli = {"source": "sample", "name": "sample"}
    return read_config({"model": model, "stimuli": stimuli, **given})


def test_too_many_stimuli_are_refused_with_what_fits() -> None:
    """One sentence: the arithmetic and the column that averages."""
    with pytest.raises(BudgetError) as error:
        check_rdm_room(_config(layers=["conv", "fc"]), 26_107, LABELS, memory=16_000_000_000)
    assert str(error.value) == (
        "RDMs of 26107 stimuli, 2 of them at least, take about 55.2 GB of memory to compare, and "
        "there are 16.0 GB; rsa.average=concept makes RDMs of 1854 values of concept, or choose "
        "fewer layers, or give rsa.method=none for activations without RDMs."
    )


def test_without_a_column_fewer_stimuli_are_named() -> None:
    """Every stimulus its own concept: nothing to average by."""
    with pytest.raises(BudgetError, match=r"set stimuli\.limit, or give rsa\.method=none"):
        check_rdm_room(_config(), 26_107, {}, memory=16_000_000_000)


def test_the_limit_of_the_config_counts() -> None:
    """run.max_memory is what the analysis may take, too."""
    config = _config(run={"max_memory": "1GB"})
    with pytest.raises(BudgetError, match=r"there are 1\.0 GB"):
        check_rdm_room(config, 26_107, LABELS, memory=10**12)


def test_what_fits_is_said_where_there_are_many(caplog: pytest.LogCaptureFixture) -> None:
    """And nothing is said of few."""
    caplog.set_level(logging.INFO)
    check_rdm_room(_config(), 1854, LABELS, memory=10**12)
    assert not caplog.messages
    check_rdm_room(_config(), 5000, LABELS, memory=10**12)
    assert "100.0 MB on disk, and comparing 1 of them about 1.6 GB of memory" in caplog.text
    assert "rsa.average=concept makes RDMs of 1854 values" in caplog.text
