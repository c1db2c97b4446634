"""How Layers and Ops are named.

`conv2d_3_7` is the third conv2d and the seventh layer; the first input is layer 0. An Op of a layer
with several passes adds `:2`. `linear_1_1` therefore names a layer, `linear_1_1:2` a visit of it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def layer_labels(types: Sequence[str]) -> list[str]:
    """Return the label of each layer from the layers' types, in order.

    >>> layer_labels(["input", "conv2d", "relu", "conv2d"])
    ['input_1_0', 'conv2d_1_1', 'relu_1_2', 'conv2d_2_3']
    """
    seen: Counter[str] = Counter()
    labels = []
    for index, kind in enumerate(types):
        seen[kind] += 1
        labels.append(f"{kind}_{seen[kind]}_{index}")
    return labels


def op_label(layer_label: str, *, pass_number: int, n_passes: int) -> str:
    """Return the label of one pass of a layer."""
    return layer_label if n_passes == 1 else f"{layer_label}:{pass_number}"
