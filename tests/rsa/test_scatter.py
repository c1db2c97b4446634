"""Sums over blocks of units, against NumPy's covariance in float64."""

from __future__ import annotations

import numpy as np
import pytest

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa import scatter as module
from lens_pipeline.rsa.scatter import NoRdmError, scatter

RNG = np.random.default_rng(20)


def _expected(array: np.ndarray) -> np.ndarray:
    return np.cov(array.astype(np.float64), bias=True) * array.shape[1]


def _worst(array: np.ndarray, *, blocks: list[np.ndarray] | None = None) -> float:
    """The largest error relative to the product of the norms."""
    found, wanted = scatter(blocks or [array]).products, _expected(array)
    norms = np.sqrt(np.diagonal(wanted))
    return float(np.abs((found - wanted) / norms / norms[:, None]).max())


@pytest.fixture(autouse=True)
def _all_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 products are what needs care, so they are made of few patterns, too."""
    monkeypatch.setattr(module, "_FEW_PATTERNS", 0)


def test_few_patterns_are_multiplied_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 would leave 1e-7, which reorders the pairs of a layer whose patterns are alike."""
    array = RNG.standard_normal((30, 5000)).astype(np.float32)
    assert _worst(array) > 1e-9
    monkeypatch.setattr(module, "_FEW_PATTERNS", 30)
    assert _worst(array) < 1e-12


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e4])
def test_a_large_offset_costs_no_digits(offset: float) -> None:
    """The data's own float32 values are multiplied to 1e-6 however far they lie from zero."""
    array = (RNG.standard_normal((20, 5000)) + offset).astype(np.float32)
    assert _worst(array) < 1e-6
    wanted = array.mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(scatter([array]).means, wanted, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("plateau", [0.0, 3.0])
def test_one_value_in_most_units_costs_no_digits(plateau: float) -> None:
    """A rectified layer: the same small product, added often, must not err in one direction."""
    random = np.random.default_rng(0)
    peaks = np.exp(3 * random.standard_normal((30, 60_000)))
    array = peaks * (random.random(peaks.shape) < 0.1) / peaks.max() + plateau
    assert _worst(array.astype(np.float32)) < 1e-6


def test_blocks_with_different_means_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What block means contribute is not lost, nor does it swamp the rest."""
    monkeypatch.setattr(module, "_BLOCK_VALUES", 20 * 256)
    array = RNG.standard_normal((20, 3000)).astype(np.float32)
    array += np.linspace(-50, 50, 3000, dtype=np.float32)
    array *= RNG.uniform(0.01, 100, (20, 1)).astype(np.float32)
    assert _worst(array) < 1e-6


@pytest.mark.parametrize("sizes", [[1] * 40, [7, 0, 300, 1], [1000]])
def test_any_cut_gives_the_same_sums(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks are joined, large ones cut, empty ones skipped."""
    monkeypatch.setattr(module, "_LEAST_UNITS", 16)
    monkeypatch.setattr(module, "_BLOCK_VALUES", 1)
    array = RNG.standard_normal((9, sum(sizes)))
    blocks = np.split(array, np.cumsum(sizes)[:-1], axis=1)
    assert _worst(array, blocks=blocks) < 1e-12
    assert scatter(blocks).n_units == sum(sizes)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.int64, np.bool_])
def test_every_real_dtype_is_taken(dtype: type) -> None:
    """Integers, half precision and truth values become floats that hold them."""
    array = RNG.integers(0, 2, (6, 50)).astype(dtype)
    np.testing.assert_allclose(scatter([array]).products, _expected(array), atol=1e-5)


@pytest.mark.parametrize("scale", [1e-28, 1e25])
def test_squares_beyond_float32_are_made_in_float64(scale: float) -> None:
    """Tiny and huge float32 values neither vanish nor overflow."""
    array = (RNG.standard_normal((6, 50)) * scale).astype(np.float32)
    assert _worst(array) < 1e-6


def test_constant_and_zero_patterns_are_known_across_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pattern is constant only if it is in all blocks, with the same value."""
    monkeypatch.setattr(module, "_LEAST_UNITS", 4)
    monkeypatch.setattr(module, "_BLOCK_VALUES", 1)
    blocks = [RNG.standard_normal((4, 8)), RNG.standard_normal((4, 8))]
    for block in blocks:
        block[0], block[1] = 0, 3
    blocks[0][2], blocks[1][2] = 5, 6
    found = scatter(blocks)
    assert found.constant == (0, 1)
    assert found.zero == (0,)


def test_input_is_left_as_it_was() -> None:
    """The caller's array is not overwritten."""
    array = RNG.standard_normal((4, 30)).astype(np.float32)
    before = array.copy()
    scatter([array], remove_common=True)
    np.testing.assert_array_equal(array, before)


def test_what_cannot_be_multiplied_says_why() -> None:
    """Identical patterns, NaN, one stimulus, no units, complex values: each has its reason."""
    good = RNG.standard_normal((3, 4))
    bad = good.copy()
    bad[1, 2] = np.nan
    with pytest.raises(NoRdmError, match="the same for all stimuli"):
        scatter([np.tile(good[:1], (3, 1))])
    with pytest.raises(NoRdmError, match="not finite") as caught:
        scatter([good, bad])
    assert caught.value.stimuli == (1,)
    with pytest.raises(NoRdmError, match="needs two"):
        scatter([good[:1]])
    with pytest.raises(NoRdmError, match="no units"):
        scatter([])
    with pytest.raises(NoRdmError, match="complex128"):
        scatter([good.astype(complex)])
    with pytest.raises(ComparisonError, match=r"shape \(3, 2, 2\); flatten"):
        scatter([good.reshape(3, 2, 2)])
