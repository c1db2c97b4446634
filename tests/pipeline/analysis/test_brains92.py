"""The 92-image sets of conf/brain: joined by id with the images, ceilings as published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import spearmanr

from lens_pipeline.pipeline.analysis.brain import open_all
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.rsa.comparison import compare, in_order, noise_ceiling
from tests.test_conf import composed

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.rsa.references.loading import Reference

WHITE = [f"image_{n:02}" for n in range(1, 93)]
GREY = [f"{n:03}" for n in range(1, 93)]


def _open(name: str, root: Path, ids: list[str]) -> Reference:
    config = read_config(composed(f"brain={name}", f"brain.root={root}"))
    (found,) = open_all(config, ids)
    assert config.brain.cite
    assert config.brain.cite.startswith("@article")
    return found


@pytest.mark.parametrize(
    ("name", "lower", "upper"), [("fmri_it92", 0.453, 0.542), ("fmri_evc92", 0.242, 0.392)]
)
def test_ceilings_are_the_published_ones(
    name: str, lower: float, upper: float, test_data: Path
) -> None:
    """Fifteen subjects, images in any order."""
    root = test_data / "kriegeskorte92"
    shuffled = [str(one) for one in np.random.default_rng(0).permutation(WHITE)]
    found = _open(name, root, shuffled)
    assert found.n_subjects == 15
    assert found.account.align == "id"
    assert noise_ceiling(found.rdms) == pytest.approx((lower, upper), abs=5e-4)
    whole = np.load(root / "fmri" / f"fmri_{name[5:-2].upper()}_RDMs.npz")["Net_RDM"][3]
    rows = in_order(found.rdms, WHITE).dissimilarities[3]
    np.testing.assert_allclose(rows, whole[np.triu_indices(92, 1)], rtol=1e-6)


def test_man_and_monkey_are_alike(test_data: Path) -> None:
    """Human IT against monkey IT is 0.439, whichever order each is asked in."""
    root = test_data / "kriegeskorte92"
    human = _open("human_it92", root, GREY)
    monkey = _open("monkey_it92", root, GREY[::-1])
    assert compare(human.rdms, monkey.rdms)[0, 0] == pytest.approx(0.439, abs=5e-4)
    mixed = spearmanr(human.rdms.dissimilarities[0], monkey.rdms.dissimilarities[0]).statistic
    assert abs(mixed) < 0.3
