"""Trace: everything that one forward pass did, immutable.

A Trace is data with a few ways to look things up. Questions about its graph are functions in
`graph`; its report is made in `report`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import SelectorError, nearest
from lens_pipeline.tracer.report import op_report, trace_report

if TYPE_CHECKING:
    from lens_pipeline.tracer.records import Layer, ModuleCall, Op, Parameter, Site


@dataclass(frozen=True)
class Trace:
    """One forward pass: its Ops in order, the Layers they belong to, the modules they ran in."""

    # class name of the model
    model_name: str
    ops: tuple[Op, ...]
    layers: tuple[Layer, ...]
    module_calls: tuple[ModuleCall, ...]
    sites: tuple[Site, ...]
    # every parameter of the model, used or not
    parameters: tuple[Parameter, ...]
    # address of every module of the model, called or not, with its class name
    modules: tuple[tuple[str, str], ...]
    # nothing was computed that is not an Op here
    complete: bool
    # what is missing, one sentence each; empty where complete
    gaps: tuple[str, ...]
    # wall time of the traced forward pass
    seconds: float

    def __getitem__(self, key: str | int) -> Op:
        """Return the Op named by a label, a module's address, an ordinal, or a unique part of one.

        `trace["conv2d_3_7"]`, `trace["conv2d_3"]`, `trace["linear_1_1:2"]`, `trace["features.6"]`
        (what that module returned), `trace[7]` and `trace[-17]` (layers counted from 0). A layer or
        module with several passes needs its pass. Raises SelectorError with the candidates.
        """
        if isinstance(key, int):
            return self._only_pass(self._layer_at(key))
        found = self._keys.get(key)
        if found is None:
            found = self._unique_part(key)
        if len(found) > 1:
            passes = ", ".join(f"{key}:{number}" for number in range(1, min(len(found), 6) + 1))
            raise SelectorError(
                f"{key!r} names {len(found)} operations of {self.model_name}; say which: {passes}."
            )
        return self.ops[found[0]]

    def layer(self, label: str) -> Layer:
        """Return the Layer named by a label, full or short, without a pass."""
        for layer in self.layers:
            if label in (layer.label, layer.label.rpartition("_")[0]):
                return layer
        labels = [layer.label for layer in self.layers]
        raise SelectorError(
            f"{self.model_name} has no layer {label!r} ({len(labels)} layers); "
            f"{nearest(label, labels)}."
        )

    def __str__(self) -> str:
        return trace_report(self)

    def __repr__(self) -> str:
        return f"<Trace of {self.model_name}: {len(self.ops)} ops, {len(self.layers)} layers>"

    def describe(self, key: str | int) -> str:
        """Return the report of one Op: what ran, on what, where, and what came out."""
        return op_report(self, self[key])

    def _layer_at(self, ordinal: int) -> Layer:
        try:
            return self.layers[ordinal]
        except IndexError:
            raise SelectorError(
                f"{self.model_name} has no layer number {ordinal}; "
                f"its layers are 0 to {len(self.layers) - 1}, or -1 to -{len(self.layers)}."
            ) from None

    def _only_pass(self, layer: Layer) -> Op:
        return self[layer.label]

    def _unique_part(self, part: str) -> tuple[int, ...]:
        matches = {key: ops for key, ops in self._keys.items() if part and part in key}
        if len(set(matches.values())) == 1:
            return next(iter(matches.values()))
        problem = f"matches {len(matches)} names" if matches else "names nothing"
        raise SelectorError(
            f"{part!r} {problem} in the trace of {self.model_name} ({len(self.ops)} ops); "
            f"{nearest(part, matches or self._keys)}."
        )

    @functools.cached_property
    def _keys(self) -> dict[str, tuple[int, ...]]:
        """Every name by which Ops can be asked for; labels win over addresses."""
        keys: dict[str, tuple[int, ...]] = {}
        for call in self.module_calls:
            if call.address and call.outputs:
                keys[call.address] = (*keys.get(call.address, ()), *call.outputs)
                keys[f"{call.address}:{call.number}"] = call.outputs
        for layer in self.layers:
            for name in (layer.label, layer.label.rpartition("_")[0]):
                keys[name] = layer.ops
                for number, op in enumerate(layer.ops, start=1):
                    keys[f"{name}:{number}"] = (op,)
        return keys
