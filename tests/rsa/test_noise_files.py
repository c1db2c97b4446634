"""Covariances of layers: by pass, by layer, or one for all; each checked when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.noise_files import covariance_of, read_covariances

if TYPE_CHECKING:
    from pathlib import Path


def test_the_nearest_name_counts(tmp_path: Path) -> None:
    """LAYER:PASS before LAYER; a layer without one has none."""
    path = tmp_path / "n.npz"
    np.savez(path, **{"V1": np.eye(2), "V1:2": 2 * np.eye(2)})  # type: ignore[arg-type]
    found = read_covariances(path, None)
    assert covariance_of(found, "V1", 1) is found["V1"]
    assert covariance_of(found, "V1", 2) is found["V1:2"]
    assert covariance_of(found, "IT", 1) is None


def test_one_array_is_for_all(tmp_path: Path) -> None:
    """So is the one that a key chooses, and a .npy."""
    np.savez(tmp_path / "n.npz", a=np.eye(2), b=np.eye(3))
    np.save(tmp_path / "n.npy", np.eye(4))
    for found, size in (
        (read_covariances(tmp_path / "n.npz", "b"), 3),
        (read_covariances(tmp_path / "n.npy", None), 4),
    ):
        covariance = covariance_of(found, "anything", 7)
        assert covariance is not None
        assert covariance.shape == (size, size)


def test_what_is_no_covariance_is_refused(tmp_path: Path) -> None:
    """With the name of the layer, and the nearest key."""
    np.savez(tmp_path / "n.npz", V1=-np.eye(2), V2=np.eye(2))
    with pytest.raises(ComparisonError, match="of V1 is not positive definite"):
        read_covariances(tmp_path / "n.npz", None)
    with pytest.raises(ComparisonError, match=r"\(rsa\.noise\) has no 'V22'; nearest: V2"):
        read_covariances(tmp_path / "n.npz", "V22")
    (tmp_path / "n.txt").write_text("x")
    with pytest.raises(ComparisonError, match=r"\(rsa\.noise\) cannot be read.*give a \.npz"):
        read_covariances(tmp_path / "n.txt", None)
