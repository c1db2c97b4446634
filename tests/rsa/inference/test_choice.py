"""A layer is chosen on one part and scored on another, each by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from lens_pipeline.rsa.inference.asked import Asked
from lens_pipeline.rsa.inference.choice import choose
from lens_pipeline.rsa.inference.splits import pairs_of
from tests.rsa.inference.simulation import world

ASKED = Asked(draws=100, seed=4)
GROUPS = [f"g{row // 2}" for row in range(40)]
MODELS, SUBJECTS = world(np.random.default_rng(0), 40, 8, n_models=5)


@pytest.mark.parametrize("parting", ["stimuli", "both"])
def test_each_part_is_scored_by_what_the_rest_chose(parting: str) -> None:
    """scipy chooses and scores the same from the parts that are given back."""
    found = choose(
        MODELS, SUBJECTS, measure="spearman", groups=GROUPS, parting=parting, asked=ASKED
    )
    assert [choice.part for choice in found.choices] == [1, 2]
    assert (found.subjects == 0).all() == (parting == "stimuli")
    for choice in found.choices:
        here = found.stimuli == choice.part
        people = np.isin(found.subjects, [0, choice.part])
        others = found.subjects != choice.part
        before = [
            np.mean([spearmanr(model, subject).statistic for subject in subjects])
            for subjects in [pairs_of(SUBJECTS[others], ~here)]
            for model in pairs_of(MODELS, ~here)
        ]
        assert choice.model == np.argmax(before)
        assert choice.score_choosing == pytest.approx(max(before))
        model = pairs_of(MODELS[[choice.model]], here)[0]
        after = [spearmanr(model, one).statistic for one in pairs_of(SUBJECTS[people], here)]
        assert choice.score == pytest.approx(np.mean(after))
        assert choice.low < choice.score < choice.high
        assert (choice.n_stimuli, choice.n_stimuli_choosing) == (here.sum(), (~here).sum())
        assert (choice.n_subjects, choice.n_subjects_choosing) == (people.sum(), others.sum())


def test_a_concept_never_chooses_and_scores() -> None:
    """Members of a group are in one part."""
    found = choose(
        MODELS, SUBJECTS, measure="pearson", groups=GROUPS, parting="stimuli", asked=ASKED
    )
    assert (found.stimuli[::2] == found.stimuli[1::2]).all()


def test_the_same_seed_chooses_the_same() -> None:
    """Parts and draws come from the seed alone."""
    one, two = (
        choose(MODELS, SUBJECTS, measure="pearson", groups=GROUPS, parting="both", asked=ASKED)
        for _ in range(2)
    )
    assert one.choices == two.choices
