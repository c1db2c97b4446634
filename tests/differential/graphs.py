"""A traced graph as text, one line per operation, so that two tracers can be compared.

A node is named by its function and its number among the nodes of that function: `conv2d 2` is the
second convolution. Names of one operation that only say how it was written down are one name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# one operation under several names: an operator, its reflected or in-place form, a namespace's
# prefix, a property and the method behind it
SAME = {
    "iadd": "add",
    "radd": "add",
    "imul": "mul",
    "rmul": "mul",
    "truediv": "div",
    "mod": "remainder",
    "pos": "positive",
    "vectornorm": "linalgvectornorm",
    "data": "detach",
}


@dataclass(frozen=True)
class Node:
    """One operation, input or output, in execution order."""

    # the function as it was called, or "input", "output"
    function: str
    # positions of the nodes whose output it read, each once, in any order
    parents: tuple[int, ...]
    # equal for the passes of one layer
    layer: str | int


def lines(nodes: Sequence[Node]) -> list[str]:
    """Return each node with its parents, as `add 1 <- conv2d 2, input 1`."""
    names = _names(nodes)
    return [
        f"{name} <- {', '.join(sorted({names[parent] for parent in node.parents}))}".rstrip(" <-")
        for name, node in zip(names, nodes, strict=True)
    ]


def recurrent(nodes: Sequence[Node]) -> set[str]:
    """Return each layer with several passes under its first node, as `linear 1 x4`."""
    passes = Counter(node.layer for node in nodes)
    first: dict[str | int, str] = {}
    for name, node in zip(_names(nodes), nodes, strict=True):
        first.setdefault(node.layer, name)
    return {f"{first[layer]} x{n}" for layer, n in passes.items() if n > 1}


def _names(nodes: Sequence[Node]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for node in nodes:
        plain = node.function.replace("_", "").lower()
        plain = SAME.get(plain, plain)
        seen[plain] += 1
        names.append(f"{plain} {seen[plain]}")
    return names
