"""Networks are compared at layers that other data chose, on simulated data of known truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.stats
from scipy.spatial.distance import pdist, squareform

from lens_pipeline.rsa.inference.asked import Asked
from lens_pipeline.rsa.inference.choice import choose

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

N, ASKED = 24, Asked(draws=200, seed=3)


@pytest.fixture(scope="module")
def guarded(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("guarded")


@pytest.fixture(scope="module")
def entrants(load: Callable[[str], ModuleType]) -> Any:
    """Two networks of three layers; only layer b of `good` is like the twelve subjects."""
    random = np.random.default_rng(0)
    truth = random.normal(size=(N, 20))

    def rdm(signal: float) -> np.ndarray:
        return pdist(signal * truth + random.normal(size=(N, 20)), "correlation")

    subjects = np.array([rdm(2.0) for _ in range(12)])
    models = {
        "good": np.array([rdm(0.0), rdm(2.0), rdm(0.0)]),
        "bad": np.array([rdm(0.0), rdm(0.0), rdm(0.0)]),
    }
    parts = choose(
        models["good"],
        subjects,
        measure="spearman",
        groups=_names(),
        parting="stimuli",
        asked=ASKED,
    )
    return load("entrants").Entrants(
        models,
        {name: ["a:1", "b:1", "c:1"] for name in models},
        subjects,
        parts.stimuli,
        np.zeros(12, dtype=np.int64),
        _names(),
    )


def _names() -> list[str]:
    return [f"s{row}" for row in range(N)]


def _score_rows(guarded: ModuleType, entrants: Any, families: dict[str, list[str]]) -> list[Any]:
    contest = guarded.held(entrants, families, measure="spearman", asked=ASKED)
    return guarded.score_rows(contest, {})


def test_score_is_the_mean_over_parts_of_what_the_rest_chose(
    guarded: ModuleType, entrants: Any
) -> None:
    """Scipy on each part, at the layer that is best on the other, gives the same number."""
    expected = []
    for part in (1, 2):
        scores = [
            [_rho(entrants, "bad", layer, entrants.stimulus_parts == one) for layer in range(3)]
            for one in (3 - part, part)
        ]
        expected.append(scores[1][int(np.argmax(scores[0]))])
    row = _score_rows(guarded, entrants, {"bad": ["bad"]})[0]
    assert row["score"] == pytest.approx(np.mean(expected), abs=1e-12)


def _rho(entrants: Any, network: str, layer: int, inside: np.ndarray) -> float:
    rows = np.ix_(inside, inside)
    ours = squareform(squareform(entrants.models[network][layer])[rows])
    each = [
        scipy.stats.spearmanr(ours, squareform(squareform(subject)[rows])).statistic
        for subject in entrants.subjects
    ]
    return float(np.mean(each))


def test_choices_are_those_of_the_package(guarded: ModuleType, entrants: Any) -> None:
    """Score, chosen layer and mean error of each part equal those of rsa.inference.choice."""
    found = choose(
        entrants.models["good"],
        entrants.subjects,
        measure="spearman",
        groups=_names(),
        parting="stimuli",
        asked=ASKED,
    )
    row = _score_rows(guarded, entrants, {"good": ["good"]})[0]
    assert row["score"] == pytest.approx(np.mean([one.score for one in found.choices]))
    halves = [one.high - one.score for one in found.choices]
    assert row["ci_high"] - row["score"] == pytest.approx(np.mean(halves))
    assert row["chosen"] == "b:1 x2"


def test_difference_is_paired_and_found(guarded: ModuleType, entrants: Any) -> None:
    """The good network is above the bad one; a network is not above itself."""
    families = {"good": ["good"], "bad": ["bad"], "again": ["good"]}
    contest = guarded.held(entrants, families, measure="spearman", asked=ASKED)
    pairs = [("good", "bad"), ("good", "again")]
    real, none = guarded.difference_rows(contest, pairs, {})
    rows = {row["family"]: row for row in guarded.score_rows(contest, {})}
    expected = rows["good"]["score"] - rows["bad"]["score"]
    assert real["difference"] == pytest.approx(expected)
    assert real["ci_low"] > 0
    assert real["p_value"] < 0.05
    assert (none["difference"], none["ci_low"], none["p_value"]) == pytest.approx((0, 0, 1))


def test_family_is_the_mean_of_its_networks(guarded: ModuleType, entrants: Any) -> None:
    """Its score is theirs on average, its interval narrower than the wider of theirs."""
    families = {"good": ["good"], "bad": ["bad"], "both": ["good", "bad"]}
    rows = {row["family"]: row for row in _score_rows(guarded, entrants, families)}
    assert rows["both"]["score"] == pytest.approx(
        (rows["good"]["score"] + rows["bad"]["score"]) / 2
    )
    widths = {name: row["ci_high"] - row["ci_low"] for name, row in rows.items()}
    assert widths["both"] < max(widths["good"], widths["bad"])
    assert rows["both"]["n_networks"] == 2
