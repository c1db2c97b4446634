"""The text of a box stands about the middle of its shape."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from lens_pipeline.drawing.centring import centred
from lens_pipeline.drawing.pictures import write_picture

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
TEXT = """digraph d {
  label=title;
  a [shape=ellipse, label=<<b>a</b>>];
  subgraph cluster_1 {
    label=in;
    b [shape=box, label=<<table><tr><td><i>one</i></td></tr><tr><td>22222222</td></tr></table>>];
  }
  c [shape=cylinder, label=<c c c>];
  d [shape=box3d, label=<dd>];
  a -> b [label=between];
}"""


def extent(shape: ET.Element) -> tuple[float, float]:
    """Leftmost and rightmost x, read by another way than the code's."""
    if "cx" in shape.attrib:
        return float(shape.attrib["cx"]), float(shape.attrib["cx"])
    text = shape.attrib.get("points") or shape.attrib["d"].translate(str.maketrans("MC", "  "))
    xs = [float(pair.split(",")[0]) for pair in text.split()]
    return min(xs), max(xs)


def test_lines_stand_in_the_middle(tmp_path: Path) -> None:
    """Of every shape; edges, frames and the title stay where they were."""
    pytest.importorskip("pygraphviz")
    write_picture(TEXT, tmp_path / "graph.svg")
    root = ET.parse(tmp_path / "graph.svg").getroot()
    nodes = [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    assert len(nodes) == 4
    for node in nodes:
        shape = next(one for one in node if one.tag != f"{SVG}title")
        lines = list(node.iter(f"{SVG}text"))
        assert lines
        for line in lines:
            assert line.attrib["text-anchor"] == "middle"
            assert float(line.attrib["x"]) == pytest.approx(sum(extent(shape)) / 2, abs=0.01)
    others = [text for text in root.iter(f"{SVG}text") if text.text in ("title", "in", "between")]
    assert len(others) == 3


def test_a_box_without_a_shape_is_left_as_it_is() -> None:
    """As one that a user styled as plain text."""
    plain = '<g id="n" class="node">\n<text text-anchor="start" x="3">a</text>\n</g>'
    assert centred(plain) == plain
