"""References: joined by id, counted, checked; positions only when said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.loading import Account, describe, open_reference, split_key

if TYPE_CHECKING:
    from pathlib import Path

IDS = tuple("abcdefgh")


def _rdm(seed: int = 0, n: int = 8) -> np.ndarray:
    return squareform(pdist(np.random.default_rng(seed).random((n, 5))))


def _npz(folder: Path, matrix: np.ndarray, ids: list[str] | tuple[str, ...] | None = IDS) -> str:
    path = folder / "brain.npz"
    if ids is None:
        np.savez(path, IT=matrix)
    else:
        np.savez(path, IT=matrix, stimulus_id=np.array(ids))
    return f"{path}:IT"


def test_rows_are_put_in_the_order_of_the_run(tmp_path: Path) -> None:
    """A file in another order gives the same RDM."""
    order = np.random.default_rng(1).permutation(8)
    text = _npz(tmp_path, _rdm()[np.ix_(order, order)], [IDS[row] for row in order])
    found = open_reference(text, stimulus_ids=IDS)
    np.testing.assert_allclose(found.rdms.dissimilarities[0], squareform(_rdm()))
    assert found.rdms.pattern_descriptors["stimulus_id"] == list(IDS)
    assert found.account == Account("id", 8)
    assert (found.name, found.n_subjects) == ("brain:IT", 1)


def test_a_partial_overlap_is_counted_on_both_sides(tmp_path: Path) -> None:
    """What either side lacks is dropped and named."""
    text = _npz(tmp_path, _rdm(), [*IDS[:6], "x", "y"])
    found = open_reference(text, stimulus_ids=(*IDS[::-1], "z"))
    assert found.rdms.pattern_descriptors["stimulus_id"] == list("fedcba")
    wanted = _rdm()[:6, :6][::-1, ::-1]
    np.testing.assert_allclose(found.rdms.dissimilarities[0], squareform(wanted))
    assert describe(found.account) == (
        "6 stimuli matched by id, 3 only in the run (h, g, z), 2 only in the reference (x, y)"
    )


def test_renamed_ids_are_an_error(tmp_path: Path) -> None:
    """Too few ids in common: the error shows some of each side."""
    text = _npz(tmp_path, _rdm(), [f"{name}.png" for name in IDS])
    with pytest.raises(ComparisonError, match=r"0 stimulus ids in common.*a, b, c.*a\.png, b"):
        open_reference(text, stimulus_ids=IDS)


def test_no_ids_needs_the_word_position(tmp_path: Path) -> None:
    """The error names the word that accepts the order, and with it the file is read."""
    text = _npz(tmp_path, _rdm(), None)
    with pytest.raises(ComparisonError, match=r"no stimulus ids.*rsa\.align=position"):
        open_reference(text, stimulus_ids=IDS)
    found = open_reference(text, stimulus_ids=IDS, align="position")
    assert describe(found.account) == "8 stimuli matched by position"
    with pytest.raises(ComparisonError, match="has 8 stimuli and the run 7"):
        open_reference(text, stimulus_ids=IDS[:7], align="position")


def test_ids_may_stand_in_a_file_beside(tmp_path: Path) -> None:
    """NAME.ids.txt gives one id a line, in the order of the rows."""
    text = _npz(tmp_path, _rdm(), None)
    (tmp_path / "brain.ids.txt").write_text("\n".join(IDS[::-1]) + "\n", encoding="utf-8")
    found = open_reference(text, stimulus_ids=IDS)
    np.testing.assert_allclose(found.rdms.dissimilarities[0], squareform(_rdm()[::-1, ::-1]))


@pytest.mark.parametrize("ids", [[*IDS[:7], "a"], list(IDS[:7])])
def test_ids_that_are_not_one_for_each_row_are_refused(tmp_path: Path, ids: list[str]) -> None:
    """Duplicates and a wrong number of ids have their own sentences."""
    with pytest.raises(ComparisonError, match=r"more than one row \(a\)|8 rows but 7 ids"):
        open_reference(_npz(tmp_path, _rdm(), ids), stimulus_ids=IDS)


def _spoiled(row: int, column: int, value: float) -> np.ndarray:
    matrix = _rdm()
    matrix[row, column] = value
    return matrix


NO_RDM = [
    (_spoiled(1, 2, 9.0), "not symmetric"),
    (_spoiled(1, 2, np.nan), "not finite, the first between b and c"),
    (1 - _rdm() / 10, "1 on its diagonal.*1 - similarity"),
    (1 - np.eye(8), "one value for all pairs"),
]


@pytest.mark.parametrize(("matrix", "words"), NO_RDM)
def test_what_is_no_rdm_is_refused(tmp_path: Path, matrix: np.ndarray, words: str) -> None:
    """Symmetry, finite values, the diagonal and some variation are checked."""
    with pytest.raises(ComparisonError, match=words):
        open_reference(_npz(tmp_path, matrix), stimulus_ids=IDS)


def test_a_diagonal_of_nan_is_accepted(tmp_path: Path) -> None:
    """Some programs leave a stimulus' dissimilarity to itself undefined."""
    matrix = _rdm() + np.diag(np.full(8, np.nan))
    found = open_reference(_npz(tmp_path, matrix), stimulus_ids=IDS)
    np.testing.assert_allclose(found.rdms.dissimilarities[0], squareform(_rdm()))


def test_nan_of_stimuli_that_are_not_compared_does_no_harm(tmp_path: Path) -> None:
    """Only the stimuli in common are checked."""
    text = _npz(tmp_path, _spoiled(7, 6, np.nan))
    assert open_reference(text, stimulus_ids=IDS[:6]).account.n_common == 6


def test_a_stack_is_one_rdm_per_subject(tmp_path: Path) -> None:
    """(subjects, n, n) keeps the subjects apart."""
    found = open_reference(_npz(tmp_path, np.stack([_rdm(1), _rdm(2)])), stimulus_ids=IDS)
    assert found.n_subjects == 2
    assert found.rdms.rdm_descriptors["subject"] == ["1", "2"]
    np.testing.assert_allclose(found.rdms.dissimilarities[1], squareform(_rdm(2)))


def test_features_become_an_rdm_of_the_stimuli_in_common(tmp_path: Path) -> None:
    """A table with ids is measured by the method asked for, after the join."""
    rows = np.random.default_rng(5).random((8, 3))
    text = "stimulus_id,x,y,w\n"
    text += "".join(f"{i},{','.join(map(str, row))}\n" for i, row in zip(IDS, rows, strict=True))
    (tmp_path / "t.csv").write_text(text)
    found = open_reference(f"{tmp_path}/t.csv", stimulus_ids=IDS[1:], method="euclidean")
    np.testing.assert_allclose(found.rdms.dissimilarities[0], pdist(rows[1:]), rtol=1e-6)
    one = open_reference(f"{tmp_path}/t.csv:y", stimulus_ids=IDS, method="euclidean")
    np.testing.assert_allclose(one.rdms.dissimilarities[0], pdist(rows[:, 1:2]), rtol=1e-6)
    with pytest.raises(ComparisonError, match=r"t:y give no correlation RDM.*\(a, b, c, \.\.\.\)"):
        open_reference(f"{tmp_path}/t.csv:y", stimulus_ids=IDS)


def test_file_and_key_are_told_apart_by_what_exists(tmp_path: Path) -> None:
    """Colons may be in the path and in the key."""
    odd = tmp_path / "a:b.nc"
    odd.touch()
    assert split_key(f"{odd}:IT.output:2") == (odd, "IT.output:2")
    assert split_key(str(odd)) == (odd, None)
    with pytest.raises(ComparisonError, match=r"no file that exists.*FILE\[:KEY\]"):
        split_key(f"{tmp_path}/none.npz:IT")


def test_an_unknown_alignment_names_the_nearest(tmp_path: Path) -> None:
    """Only id and position exist."""
    with pytest.raises(ComparisonError, match=r"rsa\.align=positio; nearest: position"):
        open_reference(_npz(tmp_path, _rdm()), stimulus_ids=IDS, align="positio")
