"""Which layer fits best, without scoring it on the data that chose it.

The best of many layers looks better than it is on the data that made it the best; a test on the
same data then finds an effect where there is none (Kriegeskorte, Simmons, Bellgowan & Baker 2009).
Here the stimuli are parted, by concept where they have concepts, and subjects too where that was
asked. Each part in turn is scored by the layer that the other parts chose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.inference.asked import LEAST_DRAWS
from lens_pipeline.rsa.inference.bootstrap import evaluate, scores
from lens_pipeline.rsa.inference.draws import draws_for
from lens_pipeline.rsa.inference.resamples import draw_resamples, drawn_groups
from lens_pipeline.rsa.inference.results import infer
from lens_pipeline.rsa.inference.splits import pairs_of, stimulus_parts, subject_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from lens_pipeline.rsa.inference.asked import Asked
    from lens_pipeline.rsa.inference.likeness import Doubles
    from lens_pipeline.rsa.inference.results import Inferred


@dataclass(frozen=True)
class Choice:
    """What one part of the data says of the model that the rest chose."""

    # 1, 2, ...: the part that scored
    part: int
    # row of the model that was chosen
    model: int
    # of that model, where it was chosen: optimistic
    score_choosing: float
    # of that model, where it had no say; with its confidence interval
    score: float
    low: float
    high: float
    # one-sided, against 0
    p_zero: float
    n_stimuli_choosing: int
    n_stimuli: int
    # the same subjects choose and score where only stimuli are parted
    n_subjects_choosing: int
    n_subjects: int


@dataclass(frozen=True)
class Parted:
    """Choices of each part, and which stimulus and subject were in which."""

    choices: tuple[Choice, ...]
    # (n_stimuli,) parts from 1
    stimuli: npt.NDArray[np.int64]
    # (n_subjects,) parts from 1; all 0 where subjects are not parted
    subjects: npt.NDArray[np.int64]


def choose(
    models: Doubles,
    subjects: Doubles,
    *,
    measure: str,
    groups: Sequence[str],
    parting: str,
    asked: Asked,
) -> Parted:
    """Choose among models (n_models, n_pairs) on all parts but one and score on that one.

    `groups` names the group of each stimulus; `parting` is "stimuli" or "both". Scores are means
    over subjects (n_subjects, n_pairs). Raises ComparisonError if a part would be too small.
    """
    stimuli = stimulus_parts(groups, n_parts=asked.parts, seed=asked.seed)
    people = np.full(len(subjects), -1)
    if parting == "both":
        people = subject_parts(len(subjects), n_parts=asked.parts, seed=asked.seed)
    choices = tuple(
        _choice(
            part,
            (models, subjects),
            measure=measure,
            groups=groups,
            held=(stimuli, people),
            asked=asked,
        )
        for part in range(asked.parts)
    )
    return Parted(choices, stimuli + 1, people + 1)


def _choice(
    part: int,
    rdms: tuple[Doubles, Doubles],
    *,
    measure: str,
    groups: Sequence[str],
    held: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    asked: Asked,
) -> Choice:
    (models, subjects), (stimuli, people) = rdms, held
    choosing, scoring = people != part, (people == part) | (people < 0)
    before = scores(
        pairs_of(models, stimuli != part),
        pairs_of(subjects[choosing], stimuli != part),
        measure=measure,
    )
    best = int(np.argmax(before))
    after = _inferred(
        pairs_of(models[best : best + 1], stimuli == part),
        pairs_of(subjects[scoring], stimuli == part),
        measure=measure,
        groups=[group for group, chosen in zip(groups, stimuli == part, strict=True) if chosen],
        asked=asked,
    )
    return Choice(
        part + 1,
        best,
        score_choosing=float(before[best]),
        score=float(after.scores[0]),
        low=float(after.low[0]),
        high=float(after.high[0]),
        p_zero=float(after.p_zero[0]),
        n_stimuli_choosing=int((stimuli != part).sum()),
        n_stimuli=int((stimuli == part).sum()),
        n_subjects_choosing=int(choosing.sum()),
        n_subjects=int(scoring.sum()),
    )


def _inferred(
    model: Doubles, subjects: Doubles, *, measure: str, groups: Sequence[str], asked: Asked
) -> Inferred:
    resamples = draw_resamples(
        "dual" if len(subjects) > 1 else "stimuli",
        n_stimuli=len(groups),
        n_subjects=len(subjects),
        n_draws=draws_for(
            replace(asked, draws=asked.draws or None),
            measure=measure,
            n_stimuli=len(groups),
            n_models=1,
            n_subjects=len(subjects),
        )
        or LEAST_DRAWS,
        seed=asked.seed,
        groups=drawn_groups(groups),
    )
    evaluated = evaluate(model, subjects, measure=measure, resamples=resamples)
    return infer(evaluated, interval=asked.interval)
