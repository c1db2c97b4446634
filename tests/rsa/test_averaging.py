"""RDMs of labels: means by numpy, block by block, unequal counts said, bad columns refused."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa import averaging as module
from lens_pipeline.rsa.averaging import (
    averaged,
    averaged_labels,
    averaging,
    describe_averaging,
)
from lens_pipeline.rsa.rdm_files import rdms_of_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

CONCEPTS = ["mug", "cat", "mug", "dog", "cat", "mug", "owl", "dog"]
LABELS = {"concept": CONCEPTS, "living": [str(one != "mug") for one in CONCEPTS]}


def _means(patterns: np.ndarray, concepts: Sequence[str]) -> np.ndarray:
    """Return the mean pattern of each concept, in order of first appearance."""
    rows = np.array(concepts)
    return np.array([patterns[rows == one].mean(axis=0) for one in dict.fromkeys(concepts)])


@pytest.mark.parametrize("piece", [1, 24, 1 << 22])
def test_means_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """Side by side the blocks are the means, whatever is averaged at once; the type is kept."""
    monkeypatch.setattr(module, "_PIECE", piece)
    patterns = np.random.default_rng(0).normal(size=(8, 11)).astype(np.float32)
    over = averaging("concept", LABELS)
    blocks = list(averaged(lambda: [patterns[:, :4], patterns[:, 4:]], over)())
    found = np.concatenate(blocks, axis=1)
    assert over.values == ("mug", "cat", "dog", "owl")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, _means(patterns.astype(float), CONCEPTS), rtol=1e-6)


def test_large_offsets_do_not_cost_digits() -> None:
    """Means of many float32 values are made in float64."""
    patterns = np.full((3000, 2), 16_777_217.0 / 4, dtype=np.float32)
    patterns[::2] += 1
    over = averaging("concept", {"concept": [f"c{row % 3}" for row in range(3000)]})
    (found,) = averaged(lambda: [patterns], over)()
    wanted = _means(patterns.astype(float), [f"c{row % 3}" for row in range(3000)])
    np.testing.assert_array_equal(found, wanted.astype(np.float32))


def test_rdms_of_a_tree_are_of_concepts() -> None:
    """Ids are the label's values, dissimilarities those of scipy on the mean patterns."""
    patterns = np.random.default_rng(1).normal(size=(8, 1, 5, 3)).astype(np.float32)
    data = xr.Dataset(
        {"activation": (("stimulus", "pass", "channel", "row"), patterns, {"layer": "IT"})},
        coords={"stimulus": [f"s{row}" for row in range(8)], "pass": [1]},
    )
    tree = xr.DataTree.from_dict({"/IT": data})
    found = rdms_of_tree(tree, over=averaging("concept", LABELS))
    assert list(found.rdms.pattern_descriptors["stimulus_id"]) == ["mug", "cat", "dog", "owl"]
    wanted = pdist(_means(patterns.reshape(8, -1).astype(float), CONCEPTS), "correlation")
    np.testing.assert_allclose(found.rdms.dissimilarities[0], wanted, atol=1e-6)


def test_memory_is_bounded_by_a_block() -> None:
    """Averaging a block copies pieces of it, never the block."""
    patterns = np.zeros((512, 1 << 15), dtype=np.float32)
    over = averaging("concept", {"concept": [f"c{row % 4}" for row in range(512)]})
    tracemalloc.start()
    for block in averaged(lambda: [patterns], over)():
        assert block.shape[0] == 4
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < patterns.nbytes / 3


def test_columns_that_are_constant_within_a_label_stay() -> None:
    """A concept is alive or not; which image it was is gone."""
    over = averaging("concept", LABELS)
    labels = {**LABELS, "image": [f"s{row}" for row in range(8)]}
    assert averaged_labels(over, labels) == {
        "concept": ("mug", "cat", "dog", "owl"),
        "living": ("False", "True", "True", "True"),
    }


@pytest.mark.parametrize(
    ("concepts", "says"),
    [
        (CONCEPTS, "4 values of concept, means of 1 to 3 stimuli (1 of 3, 2 of 2, 1 of 1)"),
        (["a", "b", "c"], "3 values of concept, means of 1 stimuli each"),
        (["a", "b", "c", "a", "b", "c"], "3 values of concept, means of 2 stimuli each"),
    ],
)
def test_counts_are_said(concepts: list[str], says: str) -> None:
    """Equal ones in one number, unequal ones with how many there are of each."""
    assert describe_averaging(averaging("concept", {"concept": concepts})) == says


@pytest.mark.parametrize(
    ("label", "labels", "error"),
    [
        ("concpt", LABELS, "the stimuli have no such column"),
        ("concept", {"concept": ["a", "", "b", "c"]}, "1 of 4 stimuli have no concept"),
        ("living", LABELS, "have 2 values, False, True, and an RDM needs 3"),
    ],
)
def test_columns_that_cannot_average(label: str, labels: dict[str, list[str]], error: str) -> None:
    """Unknown, incomplete, or too few values: one sentence."""
    with pytest.raises(ComparisonError, match=error):
        averaging(label, labels)
