"""What a run's files say, as words and tables."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.report.contents import read_contents
from lens_pipeline.report.facts import bars, facts
from lens_pipeline.report.sections import differences, plain_table, score_tables

if TYPE_CHECKING:
    from pathlib import Path


def test_everything_that_decides_a_result_is_said(run: Path) -> None:
    """Model, weights, digests, preprocessing, stimuli and versions are all in the facts."""
    said = {term: text for _, pairs in facts(read_contents(run)) for term, text in pairs}
    assert said["weights"] == "random, seed 3"
    assert (said["weights digest"], said["graph digest"]) == ("w", "g")
    assert said["differs from what the weights state"] == "crop 64"
    assert (said["set"], said["files found"], said["refused"]) == ("things, 4 stimuli", "5", "1")
    assert said["found"] == "1 layers, 2 passes"
    assert said["left out"] == "V1:1 is constant"
    assert said["tasks"] == "2, one shard each"
    assert said["reference it"] == "4 stimuli matched"
    assert said["reference meg, 2 times"] == "3 stimuli matched"
    assert said["intervals"] == "95 %, p-values corrected by fdr within each region"
    assert said["digest of b.npz"] == "d1"
    assert said["versions, statistics"] == "scipy 1.16"
    assert said["versions"] == "torch 2.15.0"


def test_scores_stand_by_layer_pass_and_reference(run: Path) -> None:
    """A row per layer and pass, a column per reference; of many times the best one."""
    (table,) = score_tables(read_contents(run).tables["scores"])
    assert table.columns == ("it", "meg")
    assert [name for name, _ in table.rows] == ["layer1:1", "layer1:2"]
    (first, meg), (second, nothing) = (cells for _, cells in table.rows)
    assert nothing is None
    assert first is not None
    assert second is not None
    assert meg is not None
    assert (first.score, first.low, first.high, first.p) == (0.25, 0.1, 0.4, 0.01)
    assert (meg.score, meg.time) == (0.3, 150.0)
    assert math.isnan(meg.low)
    # its p is corrected for the times that it is the best of
    assert meg.p == 0.001
    assert table.timed
    assert first.time is None
    assert meg.weight == 1.0
    assert second.weight == pytest.approx(0.05 / 0.3)
    assert (table.low, table.high) == (-0.2, 0.6)


def test_missing_values_are_empty_cells(run: Path) -> None:
    """No table says nan."""
    header, rows = plain_table(read_contents(run).tables["scores"])
    assert header[:2] == ["layer", "pass"]
    assert rows[2][7:] == ["", "", "0.001", "", ""]
    assert not any(cell == "nan" for row in rows for cell in row)


def test_a_folder_without_a_finished_run_is_refused(run: Path, tmp_path: Path) -> None:
    """The sentence says what to do."""
    with pytest.raises(StoreError, match="give the run's command first"):
        read_contents(tmp_path / "nothing")
    text = (run / "record.json").read_text()
    (run / "record.json").write_text(text.replace('"analysis": {', '"analysis": {}, "other": {'))
    with pytest.raises(StoreError, match="not finished"):
        read_contents(run)


def test_layers_that_differ_are_named_both_ways(run: Path) -> None:
    """Higher seen from one is lower seen from the other; of data with time nothing is said."""
    (found,) = differences(read_contents(run).tables["comparisons"])
    assert (found.reference, found.measure) == ("it", "spearman")
    assert found.names == found.heads == ("layer1:1", "layer1:2", "layer2:1")
    assert found.cells == (("", "lower", ""), ("higher", "", "higher"), ("", "lower", ""))
    assert (found.n_different, found.n_pairs) == (2, 3)


def test_long_names_of_layers_are_numbered(run: Path) -> None:
    """Above a column they would be cut where they differ."""
    table = (
        read_contents(run).tables["comparisons"].replace("layer1", "a.very.long.name.of.a.layer1")
    )
    (found,) = differences(table)
    assert found.heads == ("1", "2", "3")
    assert found.names[0] == "1 a.very.long.name.of.a.layer1:1"


def test_a_run_without_a_reference_says_so(run: Path) -> None:
    """It has no intervals and no p-values."""
    contents = read_contents(run)
    record = {**contents.record, "analysis": {"rdms": 2}}
    said = dict(facts(replace(contents, record=record))[3][1])
    assert said["reference"] == "none was given, so layers are compared with each other alone"
    assert "intervals" not in said


def test_bars_are_said(run: Path) -> None:
    """Intervals have a level; without draws there are standard errors."""
    record = read_contents(run).record
    assert bars(record) == "95 % confidence intervals"
    rsa = {**record["config"]["rsa"], "bootstrap": 0}
    undrawn = {**record, "config": {**record["config"], "rsa": rsa}}
    assert bars(undrawn) == "standard errors over subjects"
