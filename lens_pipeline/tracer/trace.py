"""Trace: everything that one forward pass did, immutable.

A Trace is data with a few ways to look things up; the names are those of `lookup`. Questions about
its graph are functions in `graph`; what is printed is made in `report`.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from lens_pipeline.errors import SelectorError
from lens_pipeline.tracer.lookup import Directory, directory, find_op, find_place, keys_of
from lens_pipeline.tracer.notebook import notebook_html
from lens_pipeline.tracer.op_report import op_report, passes_report
from lens_pipeline.tracer.records import Op
from lens_pipeline.tracer.report import report

if TYPE_CHECKING:
    import torch

    from lens_pipeline.tracer.records import (
        Buffer,
        HostRead,
        Layer,
        ModuleCall,
        ModuleState,
        Parameter,
        Site,
    )


@dataclass(frozen=True)
class Trace:
    """One forward pass: its Ops in order, the Layers they belong to, the modules they ran in."""

    # class name of the model
    model_name: str
    ops: tuple[Op, ...]
    layers: tuple[Layer, ...]
    module_calls: tuple[ModuleCall, ...]
    # contents that left for Python, in order
    host_reads: tuple[HostRead, ...]
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
    # every buffer of the model, used or not, as it was when the pass began
    buffers: tuple[Buffer, ...] = ()
    # what the modules were when the pass began, in the order of `modules`
    module_states: tuple[ModuleState, ...] = ()
    # state of torch's CPU generator when the pass began, for torch.set_rng_state
    rng_state: torch.Tensor | None = None

    def __getitem__(self, key: str | int) -> FoundOp:
        """Return the Op that `key` names; printing it gives its report.

        `trace["conv2d_3_7"]`, `trace["conv2d_3"]`, `trace["linear_1_1:2"]`, `trace["features.6"]`
        (what that module returned), `trace["pool@1"]`, `trace["input.x"]`,
        `trace["features.6.weight"]` (what read that parameter), `trace[7]` and `trace[-17]` (layers
        counted from 0), in any case; or a part of one of these that leads to one Op. A layer or
        module with several passes needs its pass. Raises SelectorError with the candidates.
        """
        op = self.ops[find_op(self._directory, key)]
        facts = {field.name: getattr(op, field.name) for field in dataclasses.fields(op)}
        return FoundOp(**facts, trace=self)

    def layer(self, key: str | int) -> Layer:
        """Return the Layer that `key` names, with all its passes.

        Raises SelectorError where it names none, or Ops of several Layers.
        """
        place = find_place(self._directory, key)
        layers = dict.fromkeys(self.ops[op].layer for op in place.ops)
        if len(layers) == 1:
            return self.layers[next(iter(layers))]
        labels = ", ".join(self.layers[layer].label for layer in layers)
        raise SelectorError(
            f"{key!r} has passes in {len(layers)} layers of {self.model_name}: {labels}; "
            "write one of these."
        )

    def describe(self, key: str | int) -> str:
        """Return the report of what `key` names: of an Op, or of all passes of a layer or module.

        Raises SelectorError where it names nothing, or several things.
        """
        place = find_place(self._directory, key)
        if len(place.ops) == 1:
            return str(self[key])
        return passes_report(self, place)

    def __str__(self) -> str:
        return report(self)

    def __repr__(self) -> str:
        return f"<Trace of {self.model_name}: {len(self.ops)} ops, {len(self.layers)} layers>"

    def _repr_html_(self) -> str:
        return notebook_html(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return what a notebook shows, and the line that a plain prompt shows."""
        del include, exclude  # the caller chooses among the two by itself
        return {"text/plain": repr(self), "text/html": notebook_html(self)}

    @functools.cached_property
    def _directory(self) -> Directory:
        return directory(self)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FoundOp(Op):
    """An Op that was looked up, with the Trace it was looked up in, so that it can be printed.

    It is an Op, so whatever takes an Op takes it. The Ops in a Trace do not know the Trace: they
    stay small, and nothing in a Trace refers back to it.
    """

    trace: Trace = dataclasses.field(kw_only=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FoundOp):
            return NotImplemented
        return self.trace is other.trace and self.index == other.index

    def __hash__(self) -> int:
        return hash((id(self.trace), self.index))

    def __str__(self) -> str:
        return op_report(self.trace, self, keys=keys_of(self.trace._directory, self))

    def __repr__(self) -> str:
        return f"<Op {self.label} of {self.trace.model_name}>"
