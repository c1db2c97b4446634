"""A chain made ready to run, with the checks that hold for every postfunction.

All state of a run (the matrices of random projections, a user's loaded module) belongs to the
compiled chain and is gone with it. An error inside gets the layer and the function's name here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lens_pipeline.errors import PostfunctionError
from lens_pipeline.postfunctions.chain import Chain, Step, step_text
from lens_pipeline.postfunctions.functions import POSTFUNCTIONS
from lens_pipeline.postfunctions.user_functions import load

if TYPE_CHECKING:
    from torch import Tensor

    from lens_pipeline.postfunctions.axes import Dims, Postfunction


class Application(Protocol):
    """A compiled chain: applies all its functions to one layer's output."""

    def __call__(self, tensor: Tensor, dims: Dims, *, layer: str) -> tuple[Tensor, Dims]:
        """Return the result and its unit axes; `layer` is what errors call the layer."""
        ...


def compile_chain(chain: Chain) -> Application:
    """Load what the chain needs and return it as one function, to be used for all layers of a run.

    Raises PostfunctionError if a user's function cannot be loaded or has changed since it was
    parsed. The returned function raises PostfunctionError naming the postfunction and the layer if
    one fails or changes the number of stimuli.
    """
    functions = [(step_text(step), _make(step)) for step in chain.steps]

    def application(tensor: Tensor, dims: Dims, *, layer: str) -> tuple[Tensor, Dims]:
        import torch

        with torch.no_grad():
            for text, function in functions:
                tensor, dims = _apply(function, tensor, dims, place=(text, layer))
        return tensor, dims

    return application


def _make(step: Step) -> Postfunction:
    if step.digest is not None:
        return load(step.name, step.digest)
    return POSTFUNCTIONS[step.name](step.parameter)


def _apply(
    function: Postfunction, tensor: Tensor, dims: Dims, *, place: tuple[str, str]
) -> tuple[Tensor, Dims]:
    text, layer = place
    try:
        return function(tensor, dims)
    except Exception as error:
        reason = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
        first_line = str(error).partition("\n")[0].rstrip(".")
        raise PostfunctionError(
            f"Postfunction {text!r} failed on layer {layer!r} "
            f"(unit shape {tuple(tensor.shape[1:])}): {reason}{first_line}."
        ) from error
