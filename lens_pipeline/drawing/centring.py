"""The lines of every box of an SVG in its middle, whatever font the reader has.

Graphviz places a line by where its first letter stands in the font of the machine that laid it out,
so that it is off the middle wherever the reader's letters are narrower.
"""

from __future__ import annotations

import re

_BOX = re.compile(r'<g id="[^"]*" class="node">.*?\n</g>', re.DOTALL)
_SHAPE = re.compile(r' (?P<name>points|d|cx)="(?P<numbers>[^"]*)"')
_NUMBERS = re.compile(r"-?[\d.]+")
_LINE = re.compile(r'text-anchor="start" x="[^"]*"')


def centred(svg: str) -> str:
    """Return the SVG with the text of each box about the middle of its shape."""
    return _BOX.sub(_centred, svg)


def _centred(box: re.Match[str]) -> str:
    shape = _SHAPE.search(box[0])
    if shape is None:
        return box[0]
    numbers = [float(number) for number in _NUMBERS.findall(shape["numbers"])]
    across = numbers if shape["name"] == "cx" else numbers[::2]
    middle = (min(across) + max(across)) / 2
    return _LINE.sub(f'text-anchor="middle" x="{middle:.2f}"', box[0])
