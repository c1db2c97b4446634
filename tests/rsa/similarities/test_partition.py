"""Variance partitioning against numpy's least squares, written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.rdms import make_rdms
from lens_pipeline.rsa.references.joining import Account
from lens_pipeline.rsa.references.loading import Reference
from lens_pipeline.rsa.similarities.partition import FITS, partition, partition_table

IDS = tuple("abcdef")


def _vectors(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    common, a, b, rest = random.random((4, 15))
    return common + a + rest, common + a, common + b


def _r2(target: np.ndarray, *predictors: np.ndarray, least: float = -np.inf) -> float:
    x = np.column_stack([np.ones_like(target), *predictors])
    bounds = ([-np.inf] + [least] * len(predictors), np.inf)
    rest = target - x @ lsq_linear(x, target, bounds=bounds, tol=1e-14).x
    return float(1 - rest @ rest / ((target - target.mean()) ** 2).sum())


@pytest.mark.parametrize(("fit", "least"), [("ordinary", -np.inf), ("nonnegative", 0.0)])
@pytest.mark.parametrize("seed", range(4))
def test_parts_are_differences_of_r2(fit: str, least: float, seed: int) -> None:
    """Unique parts and the shared part add up to the total."""
    target, a, b = _vectors(seed)
    found = partition(target, a, b, fit=fit)
    both = _r2(target, a, b, least=least)
    assert found.total == pytest.approx(both, abs=1e-7)
    assert found.unique_first == pytest.approx(both - _r2(target, b, least=least), abs=1e-7)
    assert found.unique_second == pytest.approx(both - _r2(target, a, least=least), abs=1e-7)
    parts = found.unique_first + found.unique_second + found.shared
    assert parts == pytest.approx(found.total)


def test_ordinary_is_numpys_lstsq() -> None:
    """With an intercept."""
    target, a, b = _vectors()
    x = np.column_stack([a, b, np.ones(15)])
    rest = np.linalg.lstsq(x, target, rcond=None)[1][0]
    wanted = 1 - rest / ((target - target.mean()) ** 2).sum()
    assert partition(target, a, b, fit="ordinary").total == pytest.approx(wanted)


def test_nonnegative_weights_do_not_explain_by_opposites() -> None:
    """An RDM that is the target upside down explains nothing of it."""
    target, _, b = _vectors()
    assert partition(target, -target, b).unique_first == pytest.approx(0, abs=1e-12)
    assert partition(target, -target, b, fit="ordinary").total == pytest.approx(1)


def test_tables_pair_layers_by_name_and_stimuli_by_id() -> None:
    """Two models' layers of one name, stimuli in other orders."""
    target, a, b = _vectors()
    names = {"name": ["V1:1", "IT:1"]}
    first = make_rdms(np.stack([a, b]), stimulus_ids=IDS, rows=names)
    second = make_rdms(np.stack([b, a]), stimulus_ids=IDS, rows=names)
    brain = make_rdms(target[None], stimulus_ids=IDS, rows={"subject": ["1"]})
    reference = Reference("IT", brain, Account("id", 6), 1)
    table = partition_table(first, second, [reference])
    assert table["first"].tolist() == ["V1:1", "IT:1"]
    assert table["unique_first"][0] == pytest.approx(partition(target, a, b).unique_first)
    assert table["unique_first"][1] == pytest.approx(table["unique_second"][0])


def test_unknown_fits_and_constant_rdms_are_refused() -> None:
    """The fits there are, are named."""
    target, a, b = _vectors()
    assert set(FITS) == {"nonnegative", "ordinary"}
    with pytest.raises(ComparisonError, match="no fit 'nonneg'; nearest: nonnegative"):
        partition(target, a, b, fit="nonneg")
    with pytest.raises(ComparisonError, match="none of them constant"):
        partition(target, a, np.ones(15))
