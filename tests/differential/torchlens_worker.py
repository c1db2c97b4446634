"""Traces every case with torchlens and writes the graphs as JSON to the file it is given.

A process of its own, because torchlens replaces functions of torch for as long as a process lives.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torchlens

from tests.differential.cases import CASES, build


def main() -> None:
    """Write {case: [[function, parents, layer], ...]}, or the error of a case that is refused."""
    warnings.simplefilter("ignore")
    graphs: dict[str, Any] = {}
    for name in CASES:
        model, inputs, gradients = build(name)
        try:
            with torch.set_grad_enabled(gradients):
                graphs[name] = nodes(torchlens.trace(model, inputs))
        except Exception as error:  # noqa: BLE001  (what it raises is the finding)
            graphs[name] = f"{type(error).__name__}: {error}"
    Path(sys.argv[1]).write_text(json.dumps(graphs), encoding="utf-8")


def nodes(traced: Any) -> list[tuple[str, list[int], str]]:
    """Return function, parents and layer of each operation; buffers are none and are left out."""
    ops = [op for op in traced.ops if not op.is_buffer]
    place = {}
    for number, op in enumerate(ops):
        place[op.label] = number
        if op.num_passes == 1:
            place[op.label.rpartition(":")[0]] = number
    return [
        (
            op.func_name if op.is_compute_op else op.layer_type,
            sorted({place[parent] for parent in op.parents if parent in place}),
            op.layer_label,
        )
        for op in ops
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
