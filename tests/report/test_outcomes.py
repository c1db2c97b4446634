"""What came out of a run, in sentences that say no more than the tables do."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from lens_pipeline.report.outcomes import outcomes

BEST = {"score": 0.4, "ci_low": 0.3, "ci_high": 0.5, "p_corrected": 0.0001}
SCORES = [
    {"layer": "a", "score": 0.1, "ci_low": -0.1, "ci_high": 0.3, "p_corrected": 0.2},
    {"layer": "b", **BEST},
    {"layer": "c", "score": 0.35, "ci_low": 0.2, "ci_high": 0.5, "p_corrected": 0.001},
    {"layer": "d", "score": 0.3, "ci_low": 0.2, "ci_high": 0.4, "p_corrected": 0.001},
]
PLACE = {"reference": "it", "measure": "spearman", "pass": 1}
MANY = {"n_stimuli": 92, "n_subjects": 15, "ceiling_lower": 0.45, "ceiling_upper": 0.54}


def _scores(**changes: Any) -> pd.DataFrame:
    return pd.DataFrame([{**PLACE, **MANY, "p_ceiling": 0.01, **row, **changes} for row in SCORES])


def _comparisons(**p: float) -> pd.DataFrame:
    """Return rows of b against others, by their corrected p; the earlier layer comes first."""
    rows = []
    for other, value in p.items():
        one, two = sorted(("b", other))
        sign = 1 if one == "b" else -1
        difference = sign * (0.4 - next(r["score"] for r in SCORES if r["layer"] == other))
        rows.append({**PLACE, "layer": one, "other_layer": two, "other_pass": 1,
                     "difference": difference, "p_corrected": value})  # fmt: skip
    return pd.DataFrame(rows)


def _said(**tables: pd.DataFrame) -> str:
    (one,) = outcomes({"scores": _scores(), **tables})
    return " ".join(one.sentences)


def test_the_best_has_its_interval_and_its_ceiling() -> None:
    """Whether the ceiling is reached is what its p-value says, and not where the numbers are."""
    (one,) = outcomes({"scores": _scores()})
    assert (one.reference, one.measured) == ("it", "spearman, 92 stimuli, 15 subjects")
    assert one.sentences[0] == (
        "Best: b, 0.400 [0.300, 0.500], above 0 (corrected p < 0.001); "
        "noise ceiling 0.450 to 0.540, which it does not reach."
    )
    assert "from which it cannot be told apart" in _said(scores=_scores(p_ceiling=0.3))
    nobody = _scores(ceiling_lower=None, ceiling_upper=None, n_subjects=1)
    assert "no noise ceiling, which takes two subjects" in _said(scores=nobody)
    assert "not shown to be above 0 (corrected p 0.200)" in _said(scores=_scores(p_corrected=0.2))


@pytest.mark.parametrize(
    ("p", "says"),
    [
        (0.2, "Next: c, cannot be told apart from it (difference 0.050, corrected p 0.200)."),
        (0.01, "Next: c, lower (difference 0.050, corrected p 0.010)."),
    ],
)
def test_the_next_best_is_told_apart_or_not(p: float, says: str) -> None:
    """By the corrected p of their comparison, whichever of the two stands first in the table."""
    assert says in _said(comparisons=_comparisons(a=0.001, c=p, d=0.001))


def test_others_that_could_be_the_best_are_named() -> None:
    """Those that a test tells apart are not; a table without comparisons says nothing of them."""
    said = _said(comparisons=_comparisons(a=0.001, c=0.2, d=0.06))
    assert "Others that cannot be told apart from the best: d." in said
    assert "Others" not in _said(comparisons=_comparisons(a=0.001, c=0.2, d=0.04))
    assert "Next" not in _said()


def test_the_score_to_report_is_the_one_on_other_data() -> None:
    """The mean over parts, with the layers that were chosen; without one there is a warning."""
    rows = [
        {"layer": "b", "score": 0.36, "ci_low": 0.2, "ci_high": 0.5},
        {"layer": "c", "score": 0.30, "ci_low": -0.1, "ci_high": 0.7},
    ]
    choices = pd.DataFrame([{**PLACE, "part": 1, "parted": "both", **row} for row in rows])
    assert (
        "To report: 0.330, the score on stimuli and subjects that had no say in the choice of the "
        "layer (b or c; mean of 2 parts, whose intervals are [0.200, 0.500] and [-0.100, 0.700]). "
        "The best of 4, 0.400, was picked by its score."
    ) in _said(choices=choices)
    bare = choices.drop(columns=["ci_low", "ci_high"])
    assert "mean of 2 parts). The best" in _said(choices=bare)
    assert "picked as the best of 4 by this very score, which is therefore too high" in _said()


def test_data_with_times_name_the_best_time() -> None:
    """All times are one outcome; what was picked is said, and whether that was tested."""
    timed = _scores().assign(time_ms=[100, 150, 200, 250])
    timed["reference"] = [f"meg@{time}ms" for time in timed["time_ms"]]
    (one,) = outcomes({"scores": timed, "comparisons": _comparisons(c=0.2)})
    assert one.reference == "meg"
    assert one.sentences[0] == (
        "Best: b at 150 ms, 0.400 [0.300, 0.500], above 0 (corrected p < 0.001); "
        "noise ceiling 0.450 to 0.540, which it does not reach."
    )
    assert one.sentences[1].startswith("It was picked from 4 layers and passes at 4 times by")
    assert one.sentences[1].endswith("too high; its p is corrected for all of them.")
    assert len(one.sentences) == 2
    (one,) = outcomes({"scores": timed.drop(columns=["ci_low", "p_corrected", "p_ceiling"])})
    assert one.sentences[0] == "Best: b at 150 ms, 0.400; noise ceiling 0.450 to 0.540."
    assert one.sentences[1].endswith("too high; rsa.bootstrap=N would test it.")


def test_passes_are_named_where_there_are_several() -> None:
    """Layer and pass as a selector gives them."""
    scores = _scores()
    scores.loc[1, "pass"] = 2
    assert _said(scores=scores).startswith("Best: b:2, 0.400")
    assert outcomes({}) == ()
