"""Running a model for a history: with which arguments, from which seed, and what is kept.

Where some layers are chosen, the model runs twice: once for the structure, on copies of its inputs
and with its state put back, then keeping what was chosen. Both passes draw the same random numbers,
and a difference between them is an error. The caller's random generators are left as they were.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import random
import sys
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.compat.history import ModelHistory
from lens_pipeline.compat.names import all_names, choose
from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.fence import generators_kept
from lens_pipeline.tracer.graph import first_difference
from lens_pipeline.tracer.run import Inputs, trace
from lens_pipeline.validation.whole import copied, state_kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lens_pipeline.tracer.keeping import Keep
    from lens_pipeline.tracer.trace import Trace


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What of a forward pass is to be kept, and how."""

    # "all"; None, "none" or empty: nothing; names, ordinals, and parts of names
    layers: str | int | Sequence[str | int] | None
    # list layers that were not saved too
    keep_unsaved: bool
    # how values are kept; which ones is said by `layers`
    how: Keep
    # None: the generators start where the caller has them
    seed: int | None


def capture(model: torch.nn.Module, inputs: Any, wanted: Wanted) -> ModelHistory:
    """Run `model` once (twice for chosen layers) and return its history."""
    layers, how = wanted.layers, wanted.how
    with seeded(wanted.seed):
        if isinstance(layers, str) and layers == "all":
            traced = trace(model, inputs, keep=how)
        elif layers in (None, "none") or (not isinstance(layers, int) and not layers):
            traced = trace(model, inputs, keep=None)
        else:
            listed = [layers] if isinstance(layers, str | int) else list(layers or ())
            traced, chosen = _chosen(model, inputs, listed, how)
            shown = None if wanted.keep_unsaved else tuple(sorted(chosen))
            return _history(traced, wanted, shown)
    return _history(traced, wanted, None)


def _history(traced: Trace, wanted: Wanted, shown: tuple[int, ...] | None) -> ModelHistory:
    return ModelHistory(
        trace=traced,
        shown=tuple(range(len(traced.ops))) if shown is None else shown,
        activation_postfunc=wanted.how.postfunction,
        random_seed_used=wanted.seed,
    )


def _chosen(
    model: torch.nn.Module, inputs: Any, layers: Sequence[str | int], how: Keep
) -> tuple[Trace, frozenset[int]]:
    """Return the trace that keeps some layers, and which Ops these are."""
    with state_kept(model):
        structure = trace(model, copied(inputs), keep=None)
    among = range(len(structure.ops))
    chosen = choose(all_names(structure, among), among, layers)
    traced = trace(model, inputs, keep=dataclasses.replace(how, which=chosen))
    difference = first_difference(structure, traced)
    if difference is not None:
        raise TraceError(
            f"{traced.model_name} took another way when it was run again ({difference}), so that "
            'layers cannot be chosen beforehand; use layers_to_save="all".'
        )
    return traced, chosen


def arguments_of(model: torch.nn.Module, args: Any, kwargs: Mapping[str, Any] | None) -> Any:
    """Return `args` and `kwargs` as the inputs of `trace`.

    A list or tuple is the positional arguments; where forward takes just one, a list of several
    items is that argument itself. Raises TraceError for arguments that do not fit.
    """
    if not isinstance(model, torch.nn.Module) or isinstance(model, torch.jit.ScriptModule):
        return ()  # `trace` says why it cannot be traced
    signature = inspect.signature(model.forward)
    positional = _positional(signature, args)
    if not kwargs:
        return positional
    try:
        bound = signature.bind(*positional, **kwargs)
    except TypeError as error:
        name = type(model).__name__
        raise TraceError(f"{name}.forward{signature} cannot be called: {error}.") from error
    return Inputs(bound.args, bound.kwargs) if bound.kwargs else bound.args


def _positional(signature: inspect.Signature, args: Any) -> tuple[Any, ...]:
    if args is None:
        return ()
    if type(args) not in (list, tuple):
        return (args,)
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    alone = len(kinds) == 1 and kinds[0] is inspect.Parameter.POSITIONAL_OR_KEYWORD
    return (args,) if alone and len(args) > 1 else tuple(args)


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Start Python's, NumPy's and torch's generators from `seed`; put them back afterwards."""
    with generators_kept():
        numpy = sys.modules.get("numpy")
        if seed is not None:
            torch.manual_seed(seed)
            random.seed(seed)
        if seed is not None and numpy:
            numpy.random.seed(seed % 2**32)
        yield
