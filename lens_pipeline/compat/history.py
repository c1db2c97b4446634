"""ModelHistory and LayerEntry: a Trace under TorchLens's names, read-only.

A history lists operations in execution order, each pass of a layer by itself, and hands out an
entry for each. Attributes are the rows of two tables, MODEL_FIELDS and LAYER_FIELDS, so that what
there is and what it means can be read in one place.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.columns import MODEL_COLUMNS, OP_COLUMNS, Overview
from lens_pipeline.compat.layer_fields import LAYER_ALIASES, LAYER_FIELDS
from lens_pipeline.compat.left_out import LEFT_OUT_ATTRIBUTES, no_such_name
from lens_pipeline.compat.model_fields import MODEL_ALIASES, MODEL_FIELDS
from lens_pipeline.compat.names import Names, all_names, find
from lens_pipeline.compat.reports import entry_report, history_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace


@dataclass(frozen=True, eq=False)
class ModelHistory:
    """One forward pass. `history["conv2d_3_7"].activation` is the output of one operation."""

    # the values in it are those that were asked for
    trace: Trace
    # indices into Trace.ops of what is listed, in execution order
    shown: tuple[int, ...]
    activation_postfunc: Callable[[torch.Tensor], torch.Tensor] | None
    # None: the generators stood as the caller had them
    random_seed_used: int | None

    def __getitem__(self, key: str | int) -> LayerEntry:
        """Return one entry by label, module address, place in `layer_list`, or part of a name.

        Raises SelectorError with the candidates where that is none, or several.
        """
        return LayerEntry(self, self.trace.ops[find(self.names, self.shown, key)])

    def __len__(self) -> int:
        return len(self.shown)

    def __iter__(self) -> Iterator[LayerEntry]:
        return (LayerEntry(self, self.trace.ops[op]) for op in self.shown)

    def __str__(self) -> str:
        return history_report(self)

    def __repr__(self) -> str:
        return f"<ModelHistory of {self.trace.model_name}: {len(self)} entries>"

    def __getattr__(self, name: str) -> Any:
        field = MODEL_FIELDS.get(MODEL_ALIASES.get(name, name))
        if field is None:
            known = (*MODEL_FIELDS, *MODEL_ALIASES)
            raise AttributeError(
                no_such_name(name, "A history", left_out=LEFT_OUT_ATTRIBUTES, known=known)
            )
        if isinstance(field, str):
            return MODEL_COLUMNS[field].function(self.overview, self.trace)
        return field.read(self)

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *MODEL_FIELDS, *MODEL_ALIASES]

    @functools.cached_property
    def overview(self) -> Overview:
        """The Trace with what follows from it."""
        return Overview(self.trace)

    @functools.cached_property
    def names(self) -> Names:
        """Every name that leads to what is listed."""
        return all_names(self.trace, self.shown)


@dataclass(frozen=True, eq=False)
class LayerEntry:
    """One operation of a history: one pass of one layer."""

    history: ModelHistory
    op: Op

    def __str__(self) -> str:
        return entry_report(self)

    def __repr__(self) -> str:
        return f"<LayerEntry {self.op.label} of {self.history.trace.model_name}>"

    def __getattr__(self, name: str) -> Any:
        field = LAYER_FIELDS.get(LAYER_ALIASES.get(name, name))
        if field is None:
            known = (*LAYER_FIELDS, *LAYER_ALIASES)
            raise AttributeError(
                no_such_name(name, "An entry", left_out=LEFT_OUT_ATTRIBUTES, known=known)
            )
        if isinstance(field, str):
            return OP_COLUMNS[field].function(self.history.overview, self.op)
        return field.read(self)

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *LAYER_FIELDS, *LAYER_ALIASES]
