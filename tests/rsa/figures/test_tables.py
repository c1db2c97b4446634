"""The data behind figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from lens_pipeline.rsa.figures.likeness import scale_to_plane
from lens_pipeline.rsa.figures.tables import likeness_rows, map_points, rdm_cells
from lens_pipeline.rsa.rdms import LayerPass, RdmSet, compute_rdms, make_rdms
from lens_pipeline.rsa.references.loading import Account, Reference

RNG = np.random.default_rng(2)


def _rdms(n: int) -> tuple[list[str], RdmSet]:
    ids = [f"s{row}" for row in range(n)]
    patterns = RNG.random((n, 5))
    return ids, compute_rdms([LayerPass("V1", 1, lambda: [patterns])], stimulus_ids=ids)


def test_a_reference_that_lacks_stimuli_has_gaps() -> None:
    """Pairs stand in the order of the run, whatever that of the reference."""
    _, rdm_set = _rdms(5)
    have = ["s3", "s0", "s4"]
    vectors = pdist(RNG.random((3, 4)))[None]
    rdms = make_rdms(vectors, stimulus_ids=have, rows={"subject": ["a"]})
    table = rdm_cells(rdm_set, [Reference("IT", rdms, Account("id", 3), 1)])
    assert len(table) == 10
    square = pd.DataFrame(squareform(vectors[0]), index=have, columns=have)
    for _, row in table.iterrows():
        one, other = row["stimulus"], row["other_stimulus"]
        if one in have and other in have:
            assert row["ref. IT"] == square.loc[one, other]
        else:
            assert np.isnan(row["ref. IT"])
    np.testing.assert_array_equal(table["V1:1"], rdm_set.rdms.dissimilarities[0])


def test_large_rdms_give_what_is_drawn() -> None:
    """Of 300 stimuli 256 x 256 cells, percentiles averaged over neighbours."""
    ids, rdm_set = _rdms(300)
    table = rdm_cells(rdm_set)
    assert len(table) == 256 * 257 // 2
    vector = rdm_set.rdms.dissimilarities[0]
    wanted = squareform((rankdata(vector) - 0.5) * 100 / vector.size)
    row = table[(table["first_stimulus"] == "s0") & (table["first_other_stimulus"] == ids[-2])]
    assert float(row["V1:1"].iloc[0]) == np.mean(wanted[0:1, 298:300])


def test_the_map_and_its_table_are_one() -> None:
    """The same points, with layer and pass."""
    values = np.corrcoef(RNG.random((4, 20)))
    names = ["a.b:1", "a.b:2", "c:1", "d:1"]
    likeness = pd.DataFrame(values, index=names, columns=names)
    points, stress = scale_to_plane(1 - values)
    table = map_points(likeness)
    np.testing.assert_array_equal(table[["x", "y"]], points)
    assert list(zip(table["layer"], table["pass"], strict=True))[:2] == [("a.b", 1), ("a.b", 2)]
    assert set(table["stress"]) == {stress}
    assert list(likeness_rows(likeness).columns) == ["layer:pass", *names]
