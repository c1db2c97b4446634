"""rsatoolbox's own bootstraps, with a note of every draw, so that ours can be given the same."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from rsatoolbox.inference import bootstrap, evaluate
from rsatoolbox.model import ModelFixed
from rsatoolbox.rdm import RDMs

if TYPE_CHECKING:
    import pytest
    from rsatoolbox.inference import Result

THEIRS = {
    "dual": evaluate.eval_dual_bootstrap,
    "both": evaluate.eval_bootstrap,
    "stimuli": evaluate.eval_bootstrap_pattern,
    "subjects": evaluate.eval_bootstrap_rdm,
}
SAMPLERS = ("bootstrap_sample", "bootstrap_sample_rdm", "bootstrap_sample_pattern")


def simulated(
    n_stimuli: int, *, n_subjects: int, n_models: int, ties: bool = False, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """RDMs of models and of subjects that have something in common."""
    random = np.random.default_rng(seed)
    common = random.random(n_stimuli * (n_stimuli - 1) // 2)
    models = np.abs(common + random.normal(0, 0.5, (n_models, common.size)))
    subjects = np.abs(common + random.normal(0, 0.7, (n_subjects, common.size)))
    return (np.round(models * 3), np.round(subjects * 3)) if ties else (models, subjects)


def run(
    scheme: str,
    models: np.ndarray,
    subjects: np.ndarray,
    *,
    method: str,
    n_draws: int,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Result, np.ndarray, np.ndarray]:
    """Return their Result and the counts of stimuli and subjects in each of their draws."""
    n_subjects, n_stimuli = len(subjects), round((1 + (1 + 8 * subjects.shape[1]) ** 0.5) / 2)
    people: list[Any] = []
    stimuli: list[Any] = []

    def noting(name: str) -> Any:
        sample = getattr(bootstrap, name)

        def noted(*given: Any, **named: Any) -> Any:
            drawn = sample(*given, **named)
            people.append(drawn[1] if name != SAMPLERS[2] else np.arange(n_subjects))
            stimuli.append(drawn[-1] if name != SAMPLERS[1] else np.arange(n_stimuli))
            return drawn

        return noted

    for name in SAMPLERS:
        monkeypatch.setattr(evaluate, name, noting(name))
    np.random.seed(1)
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = THEIRS[scheme](
            [ModelFixed(f"m{row}", rdm) for row, rdm in enumerate(models)],
            RDMs(subjects),
            method=method,
            N=n_draws,
        )
    counts = [
        np.stack([np.bincount(draw, minlength=n) for draw in draws])
        for draws, n in ((stimuli, n_stimuli), (people, n_subjects))
    ]
    return result, counts[0], counts[1]
