"""The `vis_` arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lens_pipeline import draw, trace
from lens_pipeline.compat import torchlens as tl
from lens_pipeline.compat.pictures import picture_of
from lens_pipeline.errors import TraceError
from tests import zoo


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "modelgraph.pdf"),
        ({"vis_outpath": "a/net"}, "a/net.pdf"),
        ({"vis_outpath": "a/net.svg"}, "a/net.svg"),
        ({"vis_outpath": "net", "vis_fileformat": "dot"}, "net.dot"),
        ({"vis_outpath": "net.v2", "vis_fileformat": ".png"}, "net.v2.png"),
    ],
)
def test_where_a_picture_goes(given: dict[str, Any], path: str) -> None:
    """The ending is that of the path, or what vis_fileformat says, or .pdf."""
    picture, rest = picture_of({"vis_opt": "rolled", **given, "other": 1}, default="none")
    assert (picture.path, picture.mode, rest) == (Path(path), "rolled", {"other": 1})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"vis_mode": "roled"}, "no vis_mode 'roled'; nearest: rolled"),
        ({"vis_mode": "rolled", "vis_opt": "none"}, "vis_opt is the older name of vis_mode"),
        ({"vis_direction": "up"}, "no vis_direction 'up'; nearest: bottomup"),
        ({"vis_buffer_layers": "meaning"}, "no vis_buffer_layers .*; nearest: meaningful"),
        (
            {"vis_nesting_depth": -1},
            "vis_nesting_depth is a number of levels, or 0 for all, not -1",
        ),
    ],
)
def test_what_cannot_be_drawn(given: dict[str, Any], message: str) -> None:
    """A wrong mode or depth is refused before the model runs."""
    with pytest.raises(TraceError, match=message):
        picture_of(given, default="unrolled")


@pytest.mark.parametrize(("mode", "rolled"), [("rolled", True), ("unrolled", False)])
def test_picture_is_that_of_draw(tmp_path: Path, mode: str, *, rolled: bool) -> None:
    """The text returned and written is what `draw` makes of the trace."""
    model, x = zoo.Siamese(), torch.ones(1, 5)
    text = tl.show_model_graph(
        model, x, vis_mode=mode, vis_nesting_depth=1, vis_outpath=str(tmp_path / "net.dot")
    )
    assert text == draw(trace(model, x, keep=None), rolled=rolled, depth=1)
    assert (tmp_path / "net.dot").read_text() == text
    assert text != draw(trace(model, x, keep=None), rolled=rolled)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {}),
        ({"vis_direction": "topdown"}, {"direction": "down"}),
        ({"vis_buffer_layers": False}, {"buffers": "none"}),
        ({"vis_buffer_layers": "always"}, {"buffers": "all"}),
    ],
)
def test_direction_and_buffers(tmp_path: Path, given: dict[str, Any], wanted: Any) -> None:
    """They are what `draw` makes of its own words, and change the picture."""

    class Shifted(torch.nn.BatchNorm1d):
        def __init__(self) -> None:
            super().__init__(5)
            self.register_buffer("shift", torch.ones(5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + self.shift

    traced = trace(Shifted(), torch.ones(2, 5), keep=None)
    path = str(tmp_path / "net.dot")
    text = tl.show_model_graph(Shifted(), torch.ones(2, 5), vis_outpath=path, **given)
    assert text == draw(traced, rolled=False, **wanted)
    assert (text == draw(traced, rolled=False)) is (not wanted)


def test_nothing_to_draw() -> None:
    """show_model_graph without a picture is a contradiction."""
    with pytest.raises(TraceError, match="show_model_graph draws; give vis_mode='rolled'"):
        tl.show_model_graph(zoo.Stack(), torch.ones(1, 5), vis_mode="none")


def test_no_picture_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """log_forward_pass writes no file by itself."""
    monkeypatch.chdir(tmp_path)
    tl.log_forward_pass(zoo.Stack(), torch.ones(1, 5))
    assert not list(tmp_path.iterdir())
