"""Pictures of values: real PNGs of the right pixels, true histograms, a bounded size."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lens_pipeline import trace
from lens_pipeline.drawing.page import values
from lens_pipeline.drawing.page.values import (
    Album,
    feature_maps,
    grey_png,
    histogram,
    keep_in,
    pictures,
)
from tests.drawing.page_models import Deep


def pixels(png: str) -> np.ndarray:
    """What another reader sees in a picture."""
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    assert (image.format, image.mode) == ("PNG", "L")
    return np.asarray(image)


def test_png_holds_the_bytes() -> None:
    """Pillow reads back the very matrix."""
    matrix = torch.randint(0, 256, (7, 11), dtype=torch.uint8)
    assert (pixels(grey_png(matrix)) == matrix.numpy()).all()


def test_two_axes_are_shown_whole() -> None:
    """A small matrix is scaled from its least to its greatest number."""
    found = feature_maps(torch.tensor([[0.0, 1.0], [2.0, 4.0]]))
    assert pixels(found["png"]).tolist() == [[0, 64], [128, 255]]
    assert found["caption"] == "2 x 2 numbers"


@pytest.mark.parametrize(
    ("shape", "size", "caption"),
    [
        ((2, 16, 30, 40), (41, 83), "the first stimulus, 8 of 16 maps of axis 1"),
        ((2, 9, 9, 5), (19, 39), "the first stimulus, 5 of 5 maps of axis 3"),
        ((2, 3, 8, 8), (8, 26), "the first stimulus, 3 of 3 maps of axis 1"),
        ((2, 197, 32), (64, 32), "the first stimulus, 197 x 32"),
        ((2, 3, 4, 9, 9), (19, 39), "the first stimulus, 8 of 12 maps of axes 1 to 2"),
        ((1000,), (1, 64), "1 x 1000 numbers"),
    ],
)
def test_shapes(shape, size, caption: str) -> None:
    """Maps stand side by side, four in a row, each at most MAP_SIDE; larger ones are averaged."""
    found = feature_maps(torch.rand(shape))
    assert pixels(found["png"]).shape == size
    assert found["caption"] == caption


def test_a_single_number_has_no_picture() -> None:
    """Nothing to see, but a histogram."""
    assert feature_maps(torch.tensor(3.0)) is None
    assert histogram(torch.tensor(3.0))["counts"] == [1]


def test_histogram_is_numpys() -> None:
    """Counts, range, mean and zeros of the finite numbers; the others are counted apart."""
    value = torch.randn(40, 50)
    value[0, 0], value[0, 1], value[0, 2], value[1] = math.nan, math.inf, -math.inf, 0.0
    found = histogram(value)
    finite = value.double().numpy()[np.isfinite(value.numpy())]
    counts, edges = np.histogram(finite, bins=values.BINS)
    assert found["counts"] == counts.tolist()
    assert (found["low"], found["high"]) == (edges[0], edges[-1])
    assert found["mean"] == pytest.approx(finite.mean())
    assert (found["zeros"], found["nan"], found["infinite"]) == (50, 1, 2)
    assert (found["numbers"], found["sampled"]) == (2000, 2000)


def test_large_values_are_sampled() -> None:
    """A histogram takes at most SAMPLED numbers and says so."""
    found = histogram(torch.rand(values.SAMPLED * 2 + 1))
    assert found["numbers"] == values.SAMPLED * 2 + 1
    assert found["sampled"] <= values.SAMPLED
    assert sum(found["counts"]) == found["sampled"]


@pytest.mark.parametrize(
    "value",
    [
        torch.full((2, 3), math.nan),
        torch.full((2, 3, 4, 4), math.inf),
        torch.full((4, 4), torch.finfo(torch.float64).max, dtype=torch.float64),
        torch.tensor([[-3e38, 3e38]]),
        torch.ones(2, 2, dtype=torch.bool),
        torch.arange(6).reshape(2, 3),
        torch.rand(2, 3, dtype=torch.bfloat16),
        torch.rand(2, 3, dtype=torch.complex64).abs(),
    ],
)
def test_odd_numbers_are_shown(value: torch.Tensor) -> None:
    """NaN, infinities, extremes and other types make a picture, and no warning."""
    assert pixels(feature_maps(value)["png"]).dtype == np.uint8
    found = histogram(value)
    assert sum(found["counts"]) + found["nan"] + found["infinite"] == value.numel()


def test_only_kept_values_have_pictures() -> None:
    """Nothing is made up for what was not kept, is empty, or has no numbers to show."""

    class Odd(nn.Module):
        def forward(self, x):
            return (x.to_sparse().coalesce().to_dense() + 1)[:, :0], torch.fft.fft(x)

    traced = trace(Odd(), torch.rand(2, 4))
    found = pictures(traced)
    shown = {traced.ops[int(op)].name for op in found}
    assert "fft_fft" in shown
    assert not {"to_sparse", "coalesce", "__getitem__"} & shown
    assert pictures(trace(Odd(), torch.rand(2, 4), keep=None)) == {}


def test_pictures_have_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond MOST_BYTES operations have histograms alone."""
    model = nn.Sequential(*(nn.ReLU() for _ in range(6)))
    monkeypatch.setattr(values, "MOST_BYTES", 200)
    found = pictures(trace(model, torch.rand(2, 8, 6, 6)))
    assert 0 < sum("picture" in one for one in found.values()) < 8
    assert len(found) == 8


def test_an_album_holds_what_kept_values_would_show() -> None:
    """The same pictures, made while the model runs, and no value kept."""
    model, x = Deep().eval(), torch.rand(2, 3, 4, 4)
    album = Album()
    traced = trace(model, x, keep=keep_in(album))
    assert all(op.value is None for op in traced.ops)
    assert pictures(traced, album) == pictures(trace(model, x))
    assert album.seconds > 0


def test_an_album_shows_a_value_as_it_was_before_it_was_overwritten() -> None:
    """As a value that is kept is."""

    class Written(nn.Module):
        def forward(self, x):
            y = x + 1
            y.mul_(5)
            return y

    album = Album()
    traced = trace(Written(), torch.ones(1, 2), keep=keep_in(album))
    shown = pictures(traced, album)
    means = [shown[str(op.index)]["histogram"]["mean"] for op in traced.ops]
    assert means == [1.0, 2.0, 10.0, 10.0]
