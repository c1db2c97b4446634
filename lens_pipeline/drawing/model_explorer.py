"""A Trace as a file for Google's Model Explorer (`pip install "lens-pipeline[explorer]"`).

The file holds two graphs: `operations`, with every pass, and `layers`, where the passes of a layer
are one box. Modules are nested as there; a module that is called several times is `name:call` among
the operations. Writing needs nothing but this package: the format is the JSON of the dataclasses
in `model_explorer.graph_builder`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import write_text
from lens_pipeline.columns import OP_COLUMNS, Overview
from lens_pipeline.drawing.looks import INPUT, OUTPUT, PARAMETERS, WHITE
from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.wording import human_bytes, torch_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.tracer.records import ModuleCall, Op
    from lens_pipeline.tracer.trace import Trace

# columns that a box shows
SHOWN = (
    "qualified_function", "config", "shape", "dtype", "bytes", "seconds", "flops", "parameters",
    "buffers", "modules_exited", "is_condition", "file", "line", "source_function", "code",
)  # fmt: skip
_FILL = {"input": INPUT, "output": OUTPUT, "parameters": PARAMETERS["trainable"], "call": WHITE}


def write_model_explorer(trace: Trace, path: str | Path, *, title: str | None = None) -> Path:
    """Write a Trace as JSON that Model Explorer opens; return the path.

    `title` is the name of the model there; None is its class. Raises TraceError for an ending other
    than .json, StoreError where the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise TraceError(
            f"{path} ends in {path.suffix!r}; a file for Model Explorer ends in .json."
        )
    write_text(path, json.dumps(model_explorer(trace, title=title), allow_nan=False))
    return path


def model_explorer(trace: Trace, *, title: str | None = None) -> dict[str, Any]:
    """Return a Trace as Model Explorer's graph collection of two graphs, in JSON values."""
    o = Overview(trace)
    layers = [[trace.ops[op] for op in layer.ops] for layer in trace.layers]
    return {
        "label": title or trace.model_name,
        "graphs": [
            _graph(o, "operations", [[op] for op in trace.ops]),
            _graph(o, "layers", layers),
        ],
        "graphSorting": "node_count_desc",
    }


def _graph(o: Overview, name: str, boxes: Sequence[Sequence[Op]]) -> dict[str, Any]:
    every_pass = name == "operations"
    box_of = {op.index: number for number, ops in enumerate(boxes) for op in ops}
    return {
        "id": name,
        "nodes": [
            _node(o, ops, box_of, every_pass=every_pass) | {"id": str(number)}
            for number, ops in enumerate(boxes)
        ],
        "groupNodeAttributes": _groups(o, every_pass=every_pass),
    }


def _node(
    o: Overview, ops: Sequence[Op], box_of: dict[int, int], *, every_pass: bool
) -> dict[str, Any]:
    first = ops[0]
    held = first.kind == "call" and any(op.parameters for op in ops)
    label = first.label if every_pass else o.trace.layers[first.layer].label
    facts = _facts(o, first)
    if len(ops) > 1:
        facts["passes"] = str(len(ops))
    sources = dict.fromkeys(box_of[parent] for op in ops for parent in op.parents)
    return {
        "label": label,
        "namespace": _namespace(o, o.chain(first)[1:], every_pass=every_pass),
        "attrs": _pairs(facts),
        "incomingEdges": [
            {"sourceNodeId": str(source), "targetNodeInputId": str(place)}
            for place, source in enumerate(sources)
        ],
        "outputsMetadata": [{"id": "0", "attrs": _pairs({"tensor_shape": _tensor(first)})}],
        "style": {"backgroundColor": _FILL["parameters" if held else first.kind]},
    }


def _namespace(o: Overview, chain: Sequence[ModuleCall], *, every_pass: bool) -> str:
    """Return the modules around an Op, each by what it adds to the address of the one around."""
    parts, around = [], ""
    for call in chain:
        own = call.address.removeprefix(f"{around}.") if around else call.address
        several = every_pass and len(o.calls_of[call.address]) > 1
        parts.append(own.replace("/", "_") + (f":{call.number}" if several else ""))
        around = call.address
    return "/".join(parts)


def _groups(o: Overview, *, every_pass: bool) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for call in o.trace.module_calls:
        within = o.parameters_within.get(call.address, ())
        found[_namespace(o, o.chains[call.index][1:], every_pass=every_pass)] = {
            "address": call.address,
            "class": call.class_name,
            "calls": str(len(o.calls_of[call.address])),
            "parameters": f"{sum(math.prod(one.shape) for one in within):,}",
        }
    return found


def _facts(o: Overview, op: Op) -> dict[str, str]:
    cells = {name: OP_COLUMNS[name].function(o, op) for name in SHOWN}
    return {name: _text(name, cell) for name, cell in cells.items() if cell not in (None, "", ())}


def _text(name: str, cell: Any) -> str:
    if isinstance(cell, list | tuple):
        return ", ".join(map(str, cell))
    unit = OP_COLUMNS[name].unit
    return f"{cell} {unit}" if unit else str(cell)


def _pairs(facts: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in facts.items() if value]


def _tensor(op: Op) -> str:
    return f"{torch_name(op.dtype)}[{','.join(map(str, op.shape))}] ({human_bytes(op.nbytes)})"
