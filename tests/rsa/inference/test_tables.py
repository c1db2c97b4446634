"""Tables of a run: joined by id, complete, and equal to what was computed by hand."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import squareform

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.columns import CHOSEN, COMPARED, FITTED_MODELS, PARTED, SCORED
from lens_pipeline.rsa.comparison import score_table
from lens_pipeline.rsa.inference.asked import Asked
from lens_pipeline.rsa.inference.bootstrap import evaluate
from lens_pipeline.rsa.inference.multiple import corrected
from lens_pipeline.rsa.inference.resamples import draw_resamples
from lens_pipeline.rsa.inference.results import infer
from lens_pipeline.rsa.inference.tables import Inference, inference, with_inference
from lens_pipeline.rsa.rdms import RdmSet, make_rdms
from lens_pipeline.rsa.references.loading import Account, Reference
from tests.rsa.inference.simulation import world

IDS = [f"s{row:02}" for row in range(24)]
PLACES = [("V1", 1), ("IT", 1), ("IT", 2)]
MODELS, SUBJECTS = world(np.random.default_rng(0), 24, 8)
ASKED = Asked(draws=100, seed=3)


def _run(models: np.ndarray = MODELS, ids: list[str] = IDS) -> RdmSet:
    rows = {
        "layer": [layer for layer, _ in PLACES],
        "pass": [number for _, number in PLACES],
        "name": [f"{layer}:{number}" for layer, number in PLACES],
    }
    return RdmSet(make_rdms(models, stimulus_ids=ids, rows=rows), (), tuple(PLACES), "euclidean")


def _reference(subjects: np.ndarray = SUBJECTS, name: str = "brain") -> Reference:
    rows = {"subject": [f"p{row}" for row in range(len(subjects))]}
    rdms = make_rdms(subjects, stimulus_ids=IDS, rows=rows)
    return Reference(name, rdms, Account("id", len(IDS)), len(subjects))


def _inference(run: RdmSet, *references: Reference, **more: Any) -> Inference:
    asked = more.pop("asked", ASKED)
    return inference(run, references, measures=["pearson"], asked=asked, **more)


def test_scores_gain_intervals_and_p_values() -> None:
    """They are those of the bootstrap on the same arrays; nothing else of the table changes."""
    references = [_reference(), _reference(SUBJECTS[:1], "one")]
    table = score_table(_run(), references, measure="pearson")
    found = with_inference(table, [_inference(_run(), one) for one in references])
    assert tuple(found.columns) == tuple(SCORED)
    pd.testing.assert_frame_equal(
        found[["layer", "pass", "score"]], table[["layer", "pass", "score"]]
    )
    draws = draw_resamples("dual", n_stimuli=24, n_subjects=8, n_draws=100, seed=3)
    wanted = infer(evaluate(MODELS, SUBJECTS, measure="pearson", resamples=draws))
    rows = found[found["reference"] == "brain"]
    np.testing.assert_allclose(rows["ci_low"], wanted.low)
    np.testing.assert_allclose(rows["ci_high"], wanted.high)
    np.testing.assert_allclose(rows["p_value"], wanted.p_zero)
    np.testing.assert_allclose(rows["p_corrected"], corrected(wanted.p_zero))
    np.testing.assert_allclose(rows["p_ceiling"], corrected(wanted.p_ceiling))
    np.testing.assert_allclose(rows["score"], wanted.scores)
    assert set(rows["resampled"]) == {"dual"}
    assert set(rows["n_bootstrap"]) == {100}
    alone = found[found["reference"] == "one"]
    assert set(alone["resampled"]) == {"stimuli"}
    assert alone["p_ceiling"].isna().all()
    assert alone["ci_low"].notna().all()


def test_rows_are_matched_by_id() -> None:
    """A run in another order has the same intervals, not only the same scores."""
    order = np.random.default_rng(1).permutation(24)
    square = np.stack([squareform(model) for model in MODELS])[:, order][:, :, order]
    shuffled = _run(np.stack([squareform(one) for one in square]), [IDS[row] for row in order])
    one, two = _inference(_run(), _reference()), _inference(shuffled, _reference())
    pd.testing.assert_frame_equal(one.scores, two.scores)
    pd.testing.assert_frame_equal(one.choices, two.choices)


def test_every_pair_of_layers_is_compared_once() -> None:
    """With the difference of their scores, and p-values corrected for all pairs."""
    found = _inference(_run(), _reference(), asked=Asked(draws=100, correction="holm"))
    table = found.comparisons
    assert tuple(table.columns) == tuple(COMPARED)
    pairs = table[["layer", "pass", "other_layer", "other_pass"]].to_numpy().tolist()
    assert pairs == [["V1", 1, "IT", 1], ["V1", 1, "IT", 2], ["IT", 1, "IT", 2]]
    scores = score_table(_run(), [_reference()], measure="pearson")["score"]
    np.testing.assert_allclose(table["difference"].iloc[0], scores[0] - scores[1])
    np.testing.assert_allclose(table["p_corrected"], corrected(table["p_value"], correction="holm"))
    # models 0 and 1 are equally good and model 2 sees nothing
    assert table["p_value"].iloc[0] > 0.05 > table["p_value"].iloc[1:].max()


@pytest.mark.parametrize("correction", ["fdr", "holm", "bonferroni"])
def test_all_times_of_a_region_are_one_family_of_tests(correction: str) -> None:
    """Of scores, ceilings and pairs; another region and another measure are families of their own.

    A name with an @ of its own is no time.
    """
    random = np.random.default_rng(4)
    noisy = [SUBJECTS + random.normal(scale=scale, size=SUBJECTS.shape) for scale in (0, 1, 3)]
    meg = [_reference(noisy[at], f"meg:IT@{at}ms") for at in range(3)]
    timed = [dataclasses.replace(one, time=float(at)) for at, one in enumerate(meg)]
    asked = Asked(draws=100, choose="none", correction=correction)
    others = [_reference(noisy[1], "meg:V4"), _reference(noisy[2], "meg:V4@home")]
    measures = ["pearson", "cosine"]
    found = inference(_run(), [*timed, *others], measures=measures, asked=asked)
    bare = dataclasses.replace(asked, correction="none")
    raw = inference(_run(), timed, measures=measures, asked=bare)
    tests = [("scores", "p_corrected"), ("scores", "p_ceiling"), ("comparisons", "p_corrected")]
    for (name, of), measure in itertools.product(tests, measures):
        both = getattr(found, name), getattr(raw, name)
        table, plain = (one[one["measure"] == measure] for one in both)
        rows = table[table["reference"].str.startswith("meg:IT")]
        assert len(rows) == len(plain) == 9
        np.testing.assert_allclose(rows[of], corrected(plain[of], correction=correction))
    for reference in ("meg:V4", "meg:V4@home"):
        rows = found.comparisons[found.comparisons["reference"] == reference]
        rows = rows[rows["measure"] == "pearson"]
        wanted = corrected(rows["p_value"], correction=correction)
        np.testing.assert_allclose(rows["p_corrected"], wanted)


def test_the_tables_say_which_part_chose_what() -> None:
    """Each stimulus and subject has its part, concepts are whole, and the choice is named."""
    groups = {stimulus: f"g{row // 2}" for row, stimulus in enumerate(IDS)}
    found = _inference(_run(), _reference(), groups=groups)
    assert tuple(found.choices.columns) == tuple(CHOSEN)
    assert tuple(found.parts.columns) == tuple(PARTED)
    assert list(found.choices["part"]) == [1, 2]
    assert set(found.choices["layer"]) <= {"V1", "IT"}
    stimuli = found.parts[found.parts["kind"] == "stimulus"]
    assert list(stimuli["id"]) == IDS
    assert len(stimuli[["group", "part"]].drop_duplicates()) == 12
    for row in found.choices.to_dict("records"):
        assert row["n_stimuli"] == (stimuli["part"] == row["part"]).sum()
    assert list(found.parts["id"][24:]) == [f"p{row}" for row in range(8)]


def test_fitted_models_are_fitted_where_asked_for() -> None:
    """One row per kind; none by default."""
    asked = Asked(draws=4, choose="none", fitted=("weighted",))
    found = _inference(_run(), _reference(SUBJECTS[:1]), asked=asked)
    assert tuple(found.fitted.columns) == tuple(FITTED_MODELS)
    assert list(found.fitted["kind"]) == ["weighted"]
    assert found.choices.empty
    assert _inference(_run(), _reference()).fitted.empty


def test_how_far_fits_are_is_told() -> None:
    """Beside the bootstrap, under a name of their own."""
    told: list[tuple[str, float]] = []
    asked = Asked(draws=4, choose="none", fitted=("weighted",))
    _inference(
        *(_run(), _reference(SUBJECTS[:1])),
        asked=asked,
        done=lambda name, share: told.append((name, share)),
    )
    assert [share for name, share in told if name == "fits, brain, pearson"] == [0.25, 0.5, 0.75, 1]


def test_what_was_not_asked_for_is_not_there() -> None:
    """Scores stay as they are and say so."""
    found = _inference(_run(), _reference(), asked=Asked(draws=0))
    assert found.comparisons.empty
    assert found.choices.empty
    table = with_inference(score_table(_run(), [_reference()], measure="pearson"), [found])
    assert table["ci_low"].isna().all()
    assert set(table["n_bootstrap"]) == {0}
    assert set(table["resampled"]) == {""}


def test_a_layer_that_is_constant_has_no_row() -> None:
    """As in the table of scores; the others are what they are without it."""
    constant = np.vstack([np.ones((1, MODELS.shape[1])), MODELS[1:]])
    found = _inference(_run(constant), _reference())
    assert list(found.scores["layer"]) == ["IT", "IT"]
    assert len(found.comparisons) == 1


def test_too_few_stimuli_for_what_was_asked_are_refused() -> None:
    """By the name of the reference."""
    rdms = make_rdms(SUBJECTS[:, :15], stimulus_ids=IDS[:6], rows={"subject": list("abcdefgh")})
    few = Reference("few", rdms, Account("id", 6), 8)
    with pytest.raises(ComparisonError, match="The reference few has 6 stimuli"):
        _inference(_run(), few)
