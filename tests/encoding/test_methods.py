"""Regressions against himalaya and scikit-learn, called by hand on the layer itself."""

from __future__ import annotations

import numpy as np
import pytest

from lens_pipeline.encoding.folds import group_folds
from lens_pipeline.encoding.methods import ALPHAS, METHODS, Problem, method_called
from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.grams import coordinates, gram

kernel_ridge = pytest.importorskip("himalaya.kernel_ridge")
decomposition = pytest.importorskip("sklearn.cross_decomposition")
linear_model = pytest.importorskip("sklearn.linear_model")

N, UNITS = 48, 5
FITTED, TESTED = np.arange(36), np.arange(36, N)
INNER = group_folds([str(row) for row in FITTED], 4, seed=0)


def _layer(seed: int = 0, width: int = 300) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.0, size=(N, width)) + 3


def _responses(*layers: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(9)
    signal = sum(layer[:, :20] @ random.normal(size=(20, UNITS)) for layer in layers)
    return np.asarray(signal + random.normal(size=(N, UNITS)) + 10)


def _problem(layers: list[np.ndarray], responses: np.ndarray) -> Problem:
    """From coordinates of the Gram matrices of all stimuli, as the pipeline has them."""
    bands = [coordinates(gram(lambda layer=layer: [layer])) for layer in layers]
    return Problem(
        tuple(band[FITTED] for band in bands),
        tuple(band[TESTED] for band in bands),
        responses[FITTED],
        INNER,
        components=7,
    )


def test_coordinates_are_the_layer_turned() -> None:
    """All inner products of centred patterns are kept."""
    layer = _layer()
    centred = layer - layer.mean(axis=0)
    found = coordinates(gram(lambda: np.array_split(layer, 3, axis=1)))
    assert found.shape == (N, N - 1)
    np.testing.assert_allclose(found @ found.T, centred @ centred.T, atol=1e-8)


def test_ridge_is_that_of_himalaya_on_the_layer() -> None:
    """The same penalties for each unit and the same predictions."""
    layer = _layer()
    responses = _responses(layer)
    means, mean = layer[FITTED].mean(axis=0), responses[FITTED].mean(axis=0)
    fitted, tested = layer[FITTED] - means, layer[TESTED] - means
    size = (fitted**2).sum() / len(fitted)
    model = kernel_ridge.KernelRidgeCV(alphas=ALPHAS * size, cv=list(INNER))
    model.fit(fitted, responses[FITTED] - mean)
    (found,) = METHODS["ridge"].predict(_problem([layer], responses))
    np.testing.assert_allclose(found, model.predict(tested) + mean, rtol=1e-5)
    for unit in range(UNITS):
        one = linear_model.Ridge(alpha=float(model.best_alphas_[unit]))
        one.fit(layer[FITTED], responses[FITTED, unit])
        np.testing.assert_allclose(found[:, unit], one.predict(layer[TESTED]), rtol=1e-5)


def test_banded_ridge_is_that_of_himalaya_on_the_layers() -> None:
    """The same draws of band weights; parts add up to the whole."""
    layers = [_layer(0), _layer(1, 80)]
    responses = _responses(*layers)
    mean = responses[FITTED].mean(axis=0)
    ours, theirs = [], []
    for layer in layers:
        fitted = layer[FITTED] - layer[FITTED].mean(axis=0)
        tested = layer[TESTED] - layer[FITTED].mean(axis=0)
        size = (fitted**2).sum() / len(fitted)
        ours.append(fitted @ fitted.T / size)
        theirs.append(tested @ fitted.T / size)
    model = kernel_ridge.MultipleKernelRidgeCV(
        kernels="precomputed",
        solver="random_search",
        solver_params={"n_iter": 100, "alphas": ALPHAS, "progress_bar": False},
        cv=list(INNER),
        random_state=0,
    ).fit(np.stack(ours), responses[FITTED] - mean)
    found = METHODS["banded_ridge"].predict(_problem(layers, responses))
    assert found.shape == (2, len(TESTED), UNITS)
    wanted = model.predict(np.stack(theirs)) + mean
    np.testing.assert_allclose(found.sum(axis=0), wanted, rtol=1e-4)


def test_pls_is_that_of_scikit_learn_on_the_layer() -> None:
    """Brain-Score's regression is not changed by turning the axes."""
    layer = _layer()
    responses = _responses(layer)
    model = decomposition.PLSRegression(n_components=7, scale=False)
    model.fit(layer[FITTED], responses[FITTED])
    (found,) = METHODS["pls"].predict(_problem([layer], responses))
    np.testing.assert_allclose(found, model.predict(layer[TESTED]), rtol=1e-4)


def test_an_unknown_method_names_the_nearest() -> None:
    """One sentence."""
    with pytest.raises(ComparisonError, match=r"no encoding method 'rigde'.*nearest: ridge"):
        method_called("rigde")
