"""The sentences of a study say of each reference what its corrected p allows, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


@pytest.fixture(scope="module")
def answers(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("answers")


def _differences() -> pd.DataFrame:
    rows = [
        ("f:it", "net", "twin", 0.2, 0.01),
        ("f:v1", "net", "twin", 0.1, 0.05),
        ("f:v4", "net", "twin", -0.3, 0.0001),
        ("f:it", "net", "other", 0.2, np.nan),
    ]
    columns = ["reference", "family", "other_family", "difference", "p_corrected"]
    table = pd.DataFrame(rows, columns=columns).assign(measure="spearman")
    return table.assign(ci_low=table["difference"] - 0.1, ci_high=table["difference"] + 0.1)


def test_a_sentence_per_pair_with_a_verdict_per_reference(answers: ModuleType) -> None:
    """Above, below, and not told apart, at a corrected p below 0.05 and not at it."""
    one, other = answers.sentences(_differences())
    assert one == (
        "net is closer than twin to it (+0.200, p 0.010); it is less close than twin to v4 "
        "(-0.300, p < 0.001); it cannot be told apart from twin on v1 (+0.100, p 0.050)."
    )
    assert other == "net cannot be told apart from other on it (+0.200, p unknown)."


def test_measures_are_named_where_there_are_several(answers: ModuleType) -> None:
    """Two measures of one reference are two numbers."""
    both = pd.concat([_differences().iloc[:1], _differences().iloc[:1].assign(measure="cosine")])
    (said,) = answers.sentences(both)
    assert "it (+0.200, spearman, p 0.010) and it (+0.200, cosine, p 0.010)" in said


def test_tables_have_intervals_and_the_ceiling(answers: ModuleType) -> None:
    """A row per network, then the ceiling; a row per difference."""
    from types import SimpleNamespace

    scores = pd.DataFrame(
        [("f:it", "net", 0.4, 0.3, 0.5, 0.6, 0.7), ("f:v1", "net", 0.2, 0.1, 0.3, np.nan, np.nan)],
        columns=[
            *("reference", "family", "score", "ci_low", "ci_high"),
            *("ceiling_lower", "ceiling_upper"),
        ],
    )
    found = SimpleNamespace(scores=scores, differences=_differences())
    study = answers.answer("Which?", found, says=["This."], figures={}, stand_in="no")
    table, differences = study.tables
    assert table.header == ("network", "it", "v1")
    assert table.rows == (
        ("net", "0.400 [0.30, 0.50]", "0.200 [0.10, 0.30]"),
        ("noise ceiling", "0.600 to 0.700", ""),
    )
    assert ("net less twin", "it", "+0.200", "[0.10, 0.30]", "0.010") in differences.rows
    assert (study.question, study.answers, study.stand_in) == ("Which?", ("This.",), "no")
    # an empty answer would look like a page that failed
    assert answers.answer("Which?", found, says=[], figures={}).answers == (answers.NOTHING,)


def test_file_names_stay_where_they_tell_references_apart(answers: ModuleType) -> None:
    """Two files with the same key are not one reference."""
    assert answers.short_names(["a:IT", "b:V1"]) == {"a:IT": "IT", "b:V1": "V1"}
    assert answers.short_names(["a:IT", "b:IT"]) == {"a:IT": "a:IT", "b:IT": "b:IT"}
