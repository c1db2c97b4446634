"""What all figures share: the stamp, the files, labels that fit."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from lens_pipeline.errors import StoreError
from lens_pipeline.rsa.figures.canvas import (
    RED,
    depth_colours,
    distinct,
    new_figure,
    save_figure,
    shortened,
    stamp_height,
)

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

LONG = "random weights stand in for the published ones, which were not found in " + "/a/b" * 30


def _red_texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts if text.get_color() == RED]


def test_a_stand_in_is_stamped_red_and_is_inside() -> None:
    """The sentence is whole, red, and no line leaves the figure."""
    figure = new_figure(7, 4, title="a title", stand_in=LONG)
    (stamp,) = _red_texts(figure)
    assert "".join(stamp.split()) == "".join(f"STAND-IN: {LONG}".split())
    figure.draw_without_rendering()
    box = figure.texts[-1].get_window_extent()
    assert box.x1 < figure.bbox.x1
    assert box.height / figure.dpi < stamp_height(LONG, 7)
    assert _red_texts(new_figure(7, 4, title="a title")) == []
    assert stamp_height("", 7) == 0


def test_a_figure_is_a_png_and_an_svg_and_nothing_else(tmp_path: Path) -> None:
    """Names with dots keep them; saving twice gives the same bytes."""
    figure = new_figure(3, 2, title="a title")
    written = save_figure(figure, tmp_path / "figures" / "rdms_V1.output")
    assert [path.name for path in written] == ["rdms_V1.output.png", "rdms_V1.output.svg"]
    assert sorted(written) == sorted((tmp_path / "figures").iterdir())
    with Image.open(written[0]) as image:
        assert image.size == (450, 300)
    before = [path.read_bytes() for path in written]
    save_figure(figure, tmp_path / "figures" / "rdms_V1.output")
    assert [path.read_bytes() for path in written] == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """The file in the way is named by the error."""
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(StoreError, match="Could not write"):
        save_figure(new_figure(3, 2, title=""), tmp_path / "figures" / "x")


def test_long_names_lose_their_middle() -> None:
    """Start and end tell layers apart."""
    assert shortened("short", most=10) == "short"
    name = shortened("features.12.squeeze.activation", most=20)
    assert len(name) == 20
    assert name.startswith("features.12")
    assert name.endswith("ivation")


def test_each_layer_has_its_own_colour() -> None:
    """Also when there is one, or sixty."""
    for count in (0, 1, 2, 60):
        assert len(set(depth_colours([str(i) for i in range(count)]).values())) == count


def test_drawing_leaves_no_trace_in_pyplot() -> None:
    """matplotlib's global state is not loaded by any of our figures."""
    code = (
        "import sys; from lens_pipeline.rsa.figures import likeness, rdms, scores;"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_fit_still_differ() -> None:
    """What is left out is never what tells layers apart."""
    blocks = [f"backbone.encoder_blocks.{at}.convolution_of_the_residual" for at in range(42)]
    shown = distinct(["stem", *blocks, "stem"])
    assert shown[0] == shown[-1] == "stem"
    assert len(set(shown)) == 43
    assert max(map(len, shown)) <= 26
    assert ".9.con" in shown[10]
    ends = [f"{at}{'x' * 60}{at}" for at in range(30)]
    assert len(set(distinct(ends))) == 30
    assert max(map(len, distinct(ends))) <= 26
    assert distinct(["fc", "features.0"]) == ["fc", "features.0"]
    one_begins_the_other = ["a" * 40, "a" * 41]
    assert len(set(distinct(one_begins_the_other))) == 2
