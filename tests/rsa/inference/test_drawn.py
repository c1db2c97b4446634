"""One resample at a time, against rsatoolbox with every copy written out."""

from __future__ import annotations

import numpy as np
import pytest
from rsatoolbox.rdm import RDMs
from rsatoolbox.util.inference_util import pool_rdm

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.inference.drawn import drawn_of, likeness_drawn, pooled
from tests.rsa.inference.directly import copied, likeness
from tests.rsa.inference.simulation import world

MODELS, SUBJECTS = world(np.random.default_rng(4), 12, 3, n_models=2)
COUNTS = np.array([2, 0, 1, 1, 3, 0, 1, 1, 0, 1, 1, 1])
DRAWN = drawn_of(COUNTS)


@pytest.mark.parametrize("measure", COMPARISONS)
def test_likeness_is_that_of_the_copies(measure: str) -> None:
    """In one draw, by every measure."""
    found = likeness_drawn(
        *(MODELS[:, DRAWN.places], SUBJECTS[:, DRAWN.places]), DRAWN, measure=measure
    )
    method = COMPARISONS[measure].method
    wanted = likeness(MODELS, SUBJECTS, COUNTS[None], method=method)[0]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Noise ceiling for tau")
@pytest.mark.parametrize("measure", COMPARISONS)
def test_what_fits_best_is_pooled_as_rsatoolbox_does(measure: str) -> None:
    """But for its origin and scale, which no measure that pools so looks at."""
    people = np.array([2, 0, 1])
    found = pooled(SUBJECTS[:, DRAWN.places], people, DRAWN, measure=measure)
    copies = RDMs(np.repeat(copied(SUBJECTS, COUNTS), people, axis=0))
    pool = pool_rdm(copies, method=COMPARISONS[measure].method).dissimilarities[0]
    place = np.full(SUBJECTS.shape[1], np.nan)
    place[DRAWN.places] = found
    mine = copied(place[None], COUNTS)[0]
    there = ~np.isnan(pool)
    assert np.corrcoef(mine[there], pool[there])[0, 1] == pytest.approx(1)
