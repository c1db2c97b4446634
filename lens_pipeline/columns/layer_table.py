"""The columns of Layers: what is said of the first pass, sums over the passes, and the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lens_pipeline.columns import ops
from lens_pipeline.columns.column import Column, registry
from lens_pipeline.columns.op_table import OP_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lens_pipeline.columns.overview import Overview
    from lens_pipeline.tracer.records import Layer, Op


def _first(name: str) -> Column:
    column = OP_COLUMNS[name]

    def function(o: Overview, layer: Layer) -> Any:
        return column.function(o, o.trace.ops[layer.ops[0]])

    return replace(column, text=f"Of the first pass: {_lower(column.text)}", function=function)


def _total(name: str) -> Column:
    column = OP_COLUMNS[name]

    def function(o: Overview, layer: Layer) -> Any:
        return ops.total(column.function(o, o.trace.ops[op]) for op in layer.ops)

    return replace(column, text=f"Sum over the passes: {_lower(column.text)}", function=function)


def _lower(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _ops(o: Overview, layer: Layer) -> Iterator[Op]:
    return (o.trace.ops[op] for op in layer.ops)


def _layers(o: Overview, indices: Iterable[int]) -> list[str]:
    return [o.trace.layers[layer].label for layer in sorted(set(indices))]


def _parents(o: Overview, op: int) -> frozenset[int]:
    return frozenset(o.trace.ops[parent].layer for parent in o.trace.ops[op].parents)


def _children(o: Overview, op: int) -> frozenset[int]:
    return frozenset(o.trace.ops[child].layer for child in o.children[op])


def _all_exits(o: Overview, layer: Layer) -> list[str]:
    exits = (call.address for op in layer.ops for call in o.exits.get(op, ()))
    return [address for address in dict.fromkeys(exits) if address]


# fmt: off
LAYER_COLUMNS: dict[str, Column] = registry(
    Column("index", "int", "", "Ordinal, which is the last number of the label.",
           lambda _, layer: layer.index),
    Column("label", "str", "", "Its name.", lambda _, layer: layer.label),
    Column("short_label", "str", "", "Its name without the ordinal.",
           lambda _, layer: ops.short(layer.label)),
    Column("type", "str", "", "Function name without underscores.", lambda _, layer: layer.type),
    Column("n_passes", "int", "", "How often it was visited.", lambda _, layer: len(layer.ops)),
    Column("is_recurrent", "bool", "", "Whether it was visited more than once.",
           lambda _, layer: len(layer.ops) > 1),
    Column("ops", "list[str]", "", "Its Ops, one per pass.",
           lambda o, layer: ops.labels(o, layer.ops)),
    *map(_first, ("kind", "shape", "n_elements", "dtype", "device", "function",
                  "qualified_function", "config", "in_place", "is_random", "autograd_function")),
    Column("shape_varies", "bool", "", "Whether its passes differ in shape.",
           lambda o, layer: len({op.shape for op in _ops(o, layer)}) > 1),
    *map(_total, ("bytes", "seconds", "flops", "macs", "autograd_bytes")),
    *map(_first, ("parameters", "parameter_shapes", "n_parameters", "n_trainable_parameters",
                  "parameter_bytes", "buffers", "module", "module_class", "modules",
                  "module_depth")),
    Column("modules_exited", "list[str]", "", "Addresses of the modules that returned its output.",
           _all_exits),
    Column("parents", "list[str]", "", "Layers whose output it read, in any pass.",
           lambda o, layer: _layers(o, (at for op in layer.ops for at in _parents(o, op)))),
    Column("children", "list[str]", "", "Layers that read its output, in any pass.",
           lambda o, layer: _layers(o, (at for op in layer.ops for at in _children(o, op)))),
    Column("edges_vary", "bool", "", "Whether its passes differ in parent or child Layers.",
           lambda o, layer: len({(_parents(o, op), _children(o, op)) for op in layer.ops}) > 1),
    *map(_first, ("has_input_ancestor", "is_internally_made", "is_output_ancestor",
                  "min_distance_from_input", "max_distance_from_input",
                  "min_distance_to_output", "max_distance_to_output", "file", "line",
                  "source_function", "code")),
)
# fmt: on
