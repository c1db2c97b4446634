"""`trace` as users call it: what is kept can be named by selectors.

The tracer itself knows Ops by their index alone; here names are turned into indices once the
forward pass is known. The model runs once, whatever is kept.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lens_pipeline.selectors import parse_selectors, select
from lens_pipeline.tracer import run
from lens_pipeline.tracer.keeping import Keep
from lens_pipeline.tracer.run import Inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from lens_pipeline.tracer.trace import Trace


__all__ = ["Inputs", "keep_selected", "trace"]


def trace(
    model: torch.nn.Module,
    inputs: Any = (),
    *,
    keep: str | Sequence[str | int] | Keep | None = "all",
) -> Trace:
    """Run `model` on `inputs` once, unmodified, and return every operation of the forward pass.

    `inputs`: a tuple is the positional arguments, a dict the keyword arguments, anything else the
    one argument; `Inputs((x,), {"mask": m})` is both. `keep`: "all" keeps every value, None none
    (structure alone), selectors those that they match (`"features.6"`, `["conv2d_3_7", "relu_*",
    -1]`); a Keep can add a postfunction, a device, or values that stay connected to autograd.

    Raises TraceError for something that cannot be traced, ForwardError (with the trace until then)
    if the model's forward raises, SelectorError for a selector that matches nothing.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    >>> t = trace(net, torch.zeros(1, 2), keep="relu_1")
    >>> [op.label for op in t.ops if op.value is not None]
    ['relu_1_2']
    """
    if keep is None or keep == "all":
        return run.trace(model, inputs, keep=None if keep is None else "all")
    how = keep if isinstance(keep, Keep) else keep_selected(keep)
    return run.trace(model, inputs, keep=how)


def keep_selected(selectors: str | Sequence[str | int], **how: Any) -> Keep:
    """Return a Keep of what `selectors` match; `how` are the other fields of Keep.

    Raises SelectorError for a text that cannot be read.
    """
    parsed = parse_selectors(selectors if isinstance(selectors, str) else list(selectors))

    def choose(traced: Trace) -> list[int]:
        return [op for one in select(traced, parsed) for _, op in one.ops]

    return dataclasses.replace(Keep(**how), choose=choose)
