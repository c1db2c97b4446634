"""A world in which the truth is known: patterns of models and of subjects' brains.

A brain holds the features of models 0 and 1 alike, each feature more or less strongly by subject,
with noise. Model 2 and on hold features that no brain has. So models 0 and 1 have the same true
score, and the others have 0.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist

FEATURES = 8


def world(
    random: np.random.Generator, n_stimuli: int, n_subjects: int, *, n_models: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """RDMs of `n_models` models and of subjects who see the same stimuli."""
    patterns = random.standard_normal((n_stimuli, n_models, FEATURES))
    models = [pdist(patterns[:, model], "sqeuclidean") for model in range(n_models)]
    seen = patterns[:, :2].reshape(n_stimuli, -1)
    subjects = []
    for _ in range(n_subjects):
        weights = np.exp(0.4 * random.standard_normal(seen.shape[1]))
        noise = random.standard_normal(seen.shape)
        subjects.append(pdist(seen * weights + noise, "sqeuclidean"))
    return np.array(models), np.array(subjects)


def unrelated(
    random: np.random.Generator, n_stimuli: int, n_subjects: int, *, n_models: int
) -> tuple[np.ndarray, np.ndarray]:
    """RDMs of models none of which has anything in common with any subject."""
    models, subjects = world(random, n_stimuli, n_subjects, n_models=n_models + 2)
    return models[2:], subjects
