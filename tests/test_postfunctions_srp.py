"""The sparse random projection: what it promises about distances, seeds and memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from lens_pipeline.errors import PostfunctionError
from lens_pipeline.postfunctions import compile_chain, parse_postfunctions, projection
from lens_pipeline.postfunctions.projection import draw_projection, project

CPU = torch.device("cpu")
# The first units and signs of three components of 1000 units, seed 7.
PINNED_UNITS = [[23, 58, 66, 114], [31, 63, 83, 118], [4, 44, 66, 106]]
PINNED_SIGNS = [[1, 1, -1, 1], [1, -1, -1, 1], [-1, -1, -1, -1]]


def dense(n, k, seed=0):
    """The matrix (n, k), written out entry by entry."""
    drawn = draw_projection(n, CPU, k=k, seed=seed)
    matrix = np.zeros((n, k))
    for component in range(k):
        matrix[drawn.units[component].numpy(), component] = drawn.weights[component].numpy()
    return matrix


def run(text, tensor):
    return compile_chain(parse_postfunctions(text))(tensor, ("feature",), layer="fc")[0]


def numbers(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


def test_the_result_is_the_product_with_the_dense_matrix():
    """Gathering weighted units is a matrix product."""
    units = numbers(5, 1003)
    np.testing.assert_allclose(run("srp:32", units), units.numpy() @ dense(1003, 32), atol=1e-4)
    assert run("srp:32", units.double()).dtype == torch.float64


def test_about_one_entry_in_sqrt_n_is_not_zero():
    """Every component adds floor(sqrt(n)) different units."""
    matrix = dense(1003, 64)
    assert ((matrix != 0).sum(axis=0) == math.isqrt(1003)).all()


def test_entries_have_mean_zero_and_variance_one_over_k():
    """Squared distances are then kept in expectation, for units of every position."""
    matrix = dense(50, 40_000)
    errors = 1 / math.sqrt(40_000)
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=5)
    np.testing.assert_allclose((matrix**2).sum(axis=1), 1, atol=5 * errors * math.sqrt(8))
    gram = matrix @ matrix.T
    assert np.abs(gram - np.diag(gram.diagonal())).max() < 6 * errors


def test_distances_are_kept_within_their_sampling_error():
    """With k = 4096 the relative error of a squared distance is near sqrt(2 / k), 2 percent."""
    units = numbers(12, 20_000)
    before = pdist(units.numpy(), "sqeuclidean")
    ratio = pdist(run("srp:4096", units).numpy(), "sqeuclidean") / before
    assert abs(ratio.mean() - 1) < 0.01
    assert 0.01 < ratio.std() < 0.04


def test_correlation_distance_afterwards_approximates_cosine_distance():
    """What the docstring warns of: random signs take the mean over units out of play."""
    units = numbers(8, 5_000) + 1
    after = pdist(run("srp:8192", units).numpy(), "correlation")
    assert np.abs(after - pdist(units.numpy(), "cosine")).max() < 0.06
    assert np.abs(after - pdist(units.numpy(), "correlation")).min() > 0.3


def test_the_matrix_belongs_to_n_k_and_seed():
    """The same draws on every machine; another seed or size draws others."""
    drawn = draw_projection(1000, CPU, k=3, seed=7)
    assert drawn.units[:, :4].tolist() == PINNED_UNITS
    assert np.sign(drawn.weights[:, :4].numpy()).astype(int).tolist() == PINNED_SIGNS
    units = numbers(2, 1000)
    assert torch.equal(run("srp:16", units), run("srp:16:0", units))
    assert not torch.equal(run("srp:16", units), run("srp:16:1", units))


def test_a_stimulus_has_the_same_bits_in_every_batch():
    """Batches of 1, 3 and 7 give what the whole gives."""
    units = numbers(7, 3001)
    whole = run("srp:24", units)
    for size in (1, 3):
        parts = torch.cat([run("srp:24", part) for part in units.split(size)])
        assert torch.equal(parts, whole)


def test_every_layer_gets_k_components():
    """Also one with fewer units than k, so that all layers form one array."""
    result, dims = compile_chain(parse_postfunctions("srp:64"))(
        numbers(3, 2, 2, 2), ("channel", "row", "col"), layer="V1"
    )
    assert result.shape == (3, 64)
    assert dims == ("component",)


def test_the_matrix_is_drawn_once_for_a_size(monkeypatch):
    """It is held by the compiled chain, and by nothing else."""
    drawn = []

    def counting(n, device, *, k, seed):
        drawn.append(n)
        return draw_projection(n, device, k=k, seed=seed)

    monkeypatch.setattr(projection, "draw_projection", counting)
    chain = compile_chain(parse_postfunctions("srp:8"))
    for n in (100, 200, 100, 200):
        chain(numbers(2, n), ("feature",), layer="fc")
    assert drawn == [100, 200]
    compile_chain(parse_postfunctions("srp:8"))(numbers(2, 100), ("feature",), layer="fc")
    assert drawn == [100, 200, 100]


def test_matrices_beyond_the_budget_are_drawn_again_and_equal(monkeypatch):
    """Memory stays bounded; results do not depend on the budget."""
    units = numbers(2, 900)
    free = run("srp:8", units)
    monkeypatch.setattr(projection, "HELD_BYTES", 0)
    assert torch.equal(run("srp:8", units), free)


def test_a_layer_that_cannot_be_projected_is_named():
    """No units, or complex values."""
    for tensor, reason in (
        (torch.zeros(2, 0), "no units"),
        (torch.zeros(2, 3).cfloat(), "complex"),
    ):
        with pytest.raises(PostfunctionError, match=f"'srp:4' failed on layer 'fc'.*{reason}"):
            run("srp:4", tensor)


@pytest.mark.cuda
def test_the_projection_on_a_gpu_is_the_same_within_rounding():
    """The matrix is drawn on the CPU and moved."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    units = numbers(5, 5000)
    device = torch.device("cuda")
    on_gpu = project(units.to(device), draw_projection(5000, device, k=64, seed=0))
    np.testing.assert_allclose(on_gpu.cpu(), run("srp:64", units), atol=1e-4)
