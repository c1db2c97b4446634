"""Long edges of a large picture as short ones from a tag with the name of where they come from.

Graphviz puts a point on every row that an edge crosses, and its time grows with their square: a
detector whose loop of 4,000 operations reads one tensor in every round was not laid out in five
minutes, and with tags in 5 s. A picture of usual size has none.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lens_pipeline.drawing.picture import Box, Edge, Picture

# Rows that all edges together may cross.
MOST_CROSSED = 20_000


def with_tags(picture: Picture) -> Picture:
    """Return the picture with tags in place of its longest edges, where they cross too much."""
    crossed = _crossed(picture)
    longest = _longest_allowed(crossed)
    if longest is None:
        return picture
    boxes = {box.name: box for box in picture.boxes}
    tags: dict[str, Box] = {}
    edges: list[Edge] = []
    for edge, length in zip(picture.edges, crossed, strict=True):
        if length > longest:
            tag = _tag(edge, boxes)
            tags[tag.name] = tag
            edges.append(dataclasses.replace(edge, tail=tag.name))
        else:
            edges.append(edge)
    return dataclasses.replace(picture, boxes=(*picture.boxes, *tags.values()), edges=tuple(edges))


def _crossed(picture: Picture) -> list[int]:
    """Return for each edge the number of rows from its tail to its head."""
    tails: dict[str, list[str]] = {}
    heads: dict[str, list[str]] = {}
    for edge in picture.edges:
        if not edge.back:
            tails.setdefault(edge.head, []).append(edge.tail)
            heads.setdefault(edge.tail, []).append(edge.head)
    rows = _rows(picture.boxes, tails)
    # what no input leads to stands right below what it leads to
    for box in sorted(picture.boxes, key=lambda box: -box.ops[0].index):
        free = box.kind == "buffer" or box.name not in tails or not box.reached
        if free and box.name in heads:
            rows[box.name] = min(rows[head] for head in heads[box.name]) - 1
    return [abs(rows[edge.head] - rows[edge.tail]) for edge in picture.edges]


def _rows(boxes: Sequence[Box], tails: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the row of each box: above everything that leads to it."""
    rows: dict[str, int] = {}
    for box in sorted(boxes, key=lambda box: box.ops[0].index):
        rows[box.name] = 1 + max((rows.get(tail, 0) for tail in tails.get(box.name, ())), default=0)
    return rows


def _longest_allowed(crossed: Sequence[int]) -> int | None:
    """Return the length up to which edges stay; None where all do."""
    total = 0
    for before, length in enumerate(sorted(crossed)):
        total += length
        if total > MOST_CROSSED:
            return sorted(crossed)[before - 1] if before else 0
    return None


def _tag(edge: Edge, boxes: Mapping[str, Box]) -> Box:
    tail, head = boxes[edge.tail], boxes[edge.head]
    return dataclasses.replace(
        tail,
        name=f"{tail.name} to {head.name}",
        kind="tag",
        frames=head.frames,
        address="",
        lines=(tail.lines[0],),
        call="",
        value=None,
    )
