"""Regressions from layers to units: ridge, banded ridge and PLS, each as its library does it.

himalaya (Dupre la Tour et al. 2022, NeuroImage 264:119728) fits the ridges, scikit-learn the PLS of
Brain-Score (Schrimpf et al. 2018). Layers arrive as coordinates from their Gram matrices, which
changes no prediction. Means are those of the stimuli that are fitted.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.errors import ComparisonError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lens_pipeline.encoding.folds import Fold
    from lens_pipeline.rsa.scatter import Doubles

# penalties, as multiples of the layer's mean squared pattern: the scale of a layer does not matter
ALPHAS = np.logspace(-5, 5, 21)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """One fold: what is fitted and what is predicted."""

    # one layer, or one per band: (n_fitted, any) and (n_tested, any)
    fitted: tuple[Doubles, ...]
    tested: tuple[Doubles, ...]
    # (n_fitted, n_units)
    responses: Doubles
    # folds of the fitted rows, for choosing penalties
    inner: tuple[Fold, ...]
    # latent dimensions of PLS
    components: int = 25
    # of the relative weights of bands
    draws: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Method:
    """A regression; predictions are (n_bands, n_tested, n_units), to be added up."""

    # for figures and tables
    label: str
    predict: Callable[[Problem], Doubles]
    # True: all layers at once, one band each; False: one layer at a time
    banded: bool = False


def method_called(name: str) -> Method:
    """Return the method of that name, or raise ComparisonError with the nearest ones."""
    if name not in METHODS:
        raise ComparisonError(
            f"There is no encoding method {name!r} (encoding.methods); {nearest(name, METHODS)}."
        )
    return METHODS[name]


def check_installed() -> None:
    """Raise ComparisonError if the libraries of the extra are not there."""
    try:
        import himalaya  # noqa: F401
        import sklearn  # noqa: F401
    except ModuleNotFoundError as error:
        raise ComparisonError(
            f'Encoding models need {error.name}; install it with `pip install "lens-pipeline'
            '[encoding]"`, or set encoding.methods=[].'
        ) from error


def _centred(problem: Problem) -> tuple[list[Doubles], list[Doubles], Doubles, Doubles]:
    means = [band.mean(axis=0) for band in problem.fitted]
    fitted = [band - mean for band, mean in zip(problem.fitted, means, strict=True)]
    tested = [band - mean for band, mean in zip(problem.tested, means, strict=True)]
    mean = problem.responses.mean(axis=0)
    return fitted, tested, problem.responses - mean, mean


def _ridge(problem: Problem) -> Doubles:
    """Fit one penalty for each unit, that of the least squared error on the inner folds."""
    from himalaya.kernel_ridge import KernelRidgeCV

    (fitted,), (tested,), responses, mean = _centred(problem)
    model = KernelRidgeCV(
        alphas=ALPHAS * _size(fitted), kernel="linear", cv=list(problem.inner), warn=False
    )
    model.fit(fitted, responses)
    return _stacked([model.predict(tested) + mean])


def _banded_ridge(problem: Problem) -> Doubles:
    """Fit one penalty for each unit and band; bands are scaled to one size first."""
    from himalaya.kernel_ridge import MultipleKernelRidgeCV

    fitted, tested, responses, mean = _centred(problem)
    sizes = [_size(band) for band in fitted]
    ours = [band @ band.T / size for band, size in zip(fitted, sizes, strict=True)]
    theirs = [test @ band.T / size for test, band, size in zip(tested, fitted, sizes, strict=True)]
    model = MultipleKernelRidgeCV(
        kernels="precomputed",
        solver="random_search",
        solver_params={"n_iter": problem.draws, "alphas": ALPHAS, "progress_bar": False},
        cv=list(problem.inner),
        random_state=problem.seed,
    )
    model.fit(np.stack(ours), responses)
    split = np.asarray(model.predict(np.stack(theirs), split=True))
    return split + mean / len(split)


def _pls(problem: Problem) -> Doubles:
    """Fit PLS as Brain-Score does: 25 components, nothing scaled.

    scikit-learn warns where a component's iteration stopped at its limit; that is told, once a fit.
    """
    from sklearn.cross_decomposition import PLSRegression

    most = min(problem.components, *problem.fitted[0].shape)
    model = PLSRegression(n_components=most, scale=False)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(problem.fitted[0], problem.responses)
    for one in told[:1]:
        _LOG.info("PLS: %s, in %d of %d components", one.message, len(told), most)
    return _stacked([model.predict(problem.tested[0]).reshape(len(problem.tested[0]), -1)])


def _size(patterns: Doubles) -> float:
    return float((patterns**2).sum() / len(patterns))


def _stacked(predictions: Sequence[Any]) -> Doubles:
    return np.stack([np.asarray(one, dtype=np.float64) for one in predictions])


METHODS: Mapping[str, Method] = {
    "ridge": Method("ridge", _ridge),
    "banded_ridge": Method("banded ridge", _banded_ridge, banded=True),
    "pls": Method("PLS", _pls),
}
