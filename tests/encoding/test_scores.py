"""Scores of units: cross-validated r, noise corrected, by layer, pass, region, subject and time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from lens_pipeline.encoding.folds import group_folds
from lens_pipeline.encoding.methods import METHODS, Problem
from lens_pipeline.encoding.scores import ALL, Fitting, Source, encode, predict, summarise
from lens_pipeline.rsa.references.joining import Account
from lens_pipeline.rsa.references.response_rdms import Group, Recorded
from lens_pipeline.rsa.references.responses import Repeats

linear_model = pytest.importorskip("sklearn.linear_model")
pytest.importorskip("himalaya")

N = 40
IDS = tuple(f"s{row}" for row in range(N))
GROUPS = [f"c{row // 2}" for row in range(N)]


def _sources() -> list[Source]:
    random = np.random.default_rng(0)
    return [
        Source("V1", 1, random.normal(size=(N, 6))),
        Source("IT", 1, random.normal(size=(N, 6))),
        Source("IT", 2, random.normal(size=(N, 6))),
    ]


def _recorded(noise: float = 0.5, times: tuple[float | None, ...] = (None,)) -> Recorded:
    """Units that are sums of the second pass of IT, four repeats."""
    random = np.random.default_rng(1)
    signal = _sources()[2].patterns @ random.normal(size=(6, 4)) / 6**0.5
    shape = (4, N, 4, len(times))
    values = signal[None, :, :, None] + noise * random.normal(size=shape)
    group = Group("IT", "m1", Repeats(values, IDS))
    return Recorded((group,), times, Account("id", N))


def test_the_layer_that_made_the_responses_predicts_them() -> None:
    """Noise corrected it comes to one, the others to nothing; every unit has its row."""
    fitting = Fitting(("ridge", "pls"), folds=4, components=5)
    units = encode(_sources(), _recorded(), reference="sim", groups=GROUPS, fitting=fitting)
    assert len(units) == 2 * 3 * 4
    table = summarise(units).set_index(["method", "layer", "pass"])
    for method in ("ridge", "pls"):
        assert table.loc[(method, "IT", 2), "r_corrected"] > 0.9
        assert table.loc[(method, "IT", 1), "r"] < 0.4
    first = units.iloc[0]
    assert first["r2_corrected"] == pytest.approx(np.sign(first["r"]) * first["r_corrected"] ** 2)
    of = units[(units["method"] == "ridge") & (units["layer"] == "IT") & (units["pass"] == 1)]
    ceiled = (np.median(of["r"]) / np.median(of["reliability"])) ** 2
    assert table.loc[("ridge", "IT", 1), "brain_score"] == pytest.approx(ceiled)
    assert set(table["n_units"]) == {4}
    assert set(table["n_reliable"]) == {4}
    assert set(units["region"]) == {"IT"}
    assert set(units["subject"]) == {"m1"}


def test_r_is_the_mean_over_folds_of_scipys() -> None:
    """With PLS of all six dimensions it is ordinary least squares, fold by fold."""
    source, recorded = _sources()[2], _recorded()
    responses = recorded.groups[0].repeats.responses.mean(axis=0)[..., 0]
    fitting = Fitting(("pls",), folds=4, components=6, seed=3)
    (found,) = predict([source.patterns], responses, method="pls", groups=GROUPS, fitting=fitting)
    each = []
    for fitted, tested in group_folds(GROUPS, 4, seed=3):
        model = linear_model.LinearRegression()
        model.fit(source.patterns[fitted], responses[fitted])
        guess = model.predict(source.patterns[tested])
        each.append([pearsonr(guess[:, u], responses[tested, u]).statistic for u in range(4)])
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-6)


def test_penalties_are_chosen_on_folds_within_the_fitted_stimuli() -> None:
    """Ridge fold by fold, given the inner folds of group_folds on what is fitted."""
    source, recorded = _sources()[1], _recorded()
    responses = recorded.groups[0].repeats.responses.mean(axis=0)[..., 0]
    fitting = Fitting(("ridge",), folds=4, seed=3)
    (found,) = predict([source.patterns], responses, method="ridge", groups=GROUPS, fitting=fitting)
    each = []
    for fitted, tested in group_folds(GROUPS, 4, seed=3):
        inner = group_folds([GROUPS[row] for row in fitted], 4, seed=3)
        fits, tests = (source.patterns[fitted],), (source.patterns[tested],)
        (guess,) = METHODS["ridge"].predict(Problem(fits, tests, responses[fitted], inner))
        each.append([pearsonr(guess[:, u], responses[tested, u]).statistic for u in range(4)])
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-6)


def test_bands_share_what_the_layers_predict_together() -> None:
    """Each layer is a band of all its passes, and the parts add up to the whole."""
    fitting = Fitting(("banded_ridge",), folds=4)
    units = encode(_sources(), _recorded(), reference="sim", groups=GROUPS, fitting=fitting)
    r = units.pivot_table("r", "unit", "layer")
    np.testing.assert_allclose(r[ALL], r["V1"] + r["IT"])
    assert (r["IT"] > 3 * r["V1"].abs()).all()
    assert set(units["pass"]) == {0}


def test_times_have_rows_of_their_own() -> None:
    """One score per time bin, and the share that is done is told after each."""
    told: list[tuple[str, float]] = []
    units = encode(
        _sources()[:1],
        _recorded(times=(70.0, 90.0)),
        reference="sim",
        groups=GROUPS,
        fitting=Fitting(("ridge",), folds=4),
        done=lambda name, share: told.append((name, share)),
    )
    assert told == [("sim", 0.5), ("sim", 1.0)]
    assert sorted(set(units["time_ms"])) == [70, 90]
