"""The functions of TorchLens 2.15 and of its paper, over `trace`, `validate` and `draw`.

`from lens_pipeline.compat import torchlens as tl` lets code written for `log_forward_pass` run.
Names of arguments and attributes are TorchLens's (LAYER_FIELDS and MODEL_FIELDS list them all);
labels, layers and values are those of `trace`. TorchLens itself is not needed. What differs:

- a history is read-only, and lists what was saved where layers were chosen (`keep_unsaved_layers`);
- an entry is one pass: `history["linear_1_1"]` of a loop raises and says which passes there are;
- values are detached unless it is asked otherwise;
- neither torch nor the model nor the random generators are changed;
- pictures are written, never opened, and only where `vis_mode` asks for one;
- an argument, attribute or function that is not here says what to use instead.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn

from lens_pipeline.compat.call_stack import FuncCallLocation
from lens_pipeline.compat.capture import Wanted, arguments_of, capture, seeded
from lens_pipeline.compat.history import LayerEntry, ModelHistory
from lens_pipeline.compat.layer_fields import LAYER_ALIASES, LAYER_FIELDS
from lens_pipeline.compat.left_out import LEFT_OUT_FUNCTIONS, check_fixed, no_such_name
from lens_pipeline.compat.model_fields import MODEL_ALIASES, MODEL_FIELDS
from lens_pipeline.compat.pictures import draw_picture, picture_of
from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.keeping import Keep
from lens_pipeline.tracer.run import trace
from lens_pipeline.validation.checking import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

__all__ = [
    "LAYER_ALIASES",
    "LAYER_FIELDS",
    "MODEL_ALIASES",
    "MODEL_FIELDS",
    "FuncCallLocation",
    "LayerEntry",
    "ModelHistory",
    "get_model_activations",
    "get_model_metadata",
    "log_forward_pass",
    "log_model_metadata",
    "show_model_graph",
    "validate_forward_pass",
    "validate_model_activations",
]

_log = logging.getLogger(__name__)


def log_forward_pass(  # noqa: PLR0913 - the arguments are TorchLens's
    model: torch.nn.Module,
    input_args: Any = None,
    input_kwargs: Mapping[str, Any] | None = None,
    *,
    layers_to_save: str | Sequence[str | int] | None = "all",
    keep_unsaved_layers: bool = False,
    output_device: str = "same",
    activation_postfunc: Callable[[torch.Tensor], torch.Tensor] | None = None,
    save_raw_activation: bool = True,
    detach_saved_tensors: bool | None = None,
    train_mode: bool = False,
    random_seed: int | None = None,
    **others: Any,
) -> ModelHistory:
    """Run `model` on its inputs and return the history of every operation.

    `layers_to_save` is "all", None for the structure alone, or a list of labels, module addresses,
    ordinals and parts of names. `activation_postfunc` makes `transformed_activation`; without
    `save_raw_activation` only that is kept. `train_mode`, or `detach_saved_tensors=False`, leaves
    values in the autograd graph. `vis_mode` ("rolled" or "unrolled"; `vis_opt` in the
    paper) writes a picture to `vis_outpath` with the ending `vis_fileformat`, in which modules
    below `vis_nesting_depth` are single boxes; `vis_direction` is "bottomup", "topdown" or
    "leftright", `vis_buffer_layers` "never", "meaningful" or "always".

    Raises TraceError for arguments it cannot honour, SelectorError for layers that are not there,
    PostfunctionError for a function that fails, and what the model's forward raises.

    >>> import torch
    >>> history = log_forward_pass(torch.nn.Linear(2, 3), torch.ones(1, 2))
    >>> history["linear_1_1"].activation.shape
    torch.Size([1, 3])
    """
    picture, fixed = picture_of(others, default="none")
    check_fixed(fixed, function="log_forward_pass", known=_ARGUMENTS)
    if not save_raw_activation and activation_postfunc is None:
        raise TraceError(
            "save_raw_activation=False keeps only what activation_postfunc makes; give one, or "
            "layers_to_save=None to save nothing."
        )
    how = Keep(
        postfunction=activation_postfunc,
        raw=save_raw_activation,
        device=None if output_device == "same" else output_device,
        connected=_connected(detach=detach_saved_tensors, train_mode=train_mode),
    )
    wanted = Wanted(layers_to_save, keep_unsaved=keep_unsaved_layers, how=how, seed=random_seed)
    history = capture(model, arguments_of(model, input_args, input_kwargs), wanted)
    if picture.mode != "none":
        draw_picture(history.trace, picture)
    return history


def get_model_activations(
    model: torch.nn.Module,
    input_args: Any = None,
    which_layers: str | Sequence[str | int] | None = "all",
    **arguments: Any,
) -> ModelHistory:
    """Do what log_forward_pass does, under the name that the paper gives it."""
    chosen = arguments.pop("layers_to_save", which_layers)
    return log_forward_pass(model, input_args, layers_to_save=chosen, **arguments)


def get_model_metadata(
    model: torch.nn.Module, input_args: Any = None, input_kwargs: Mapping[str, Any] | None = None
) -> ModelHistory:
    """Return the history of a forward pass without any values."""
    return log_forward_pass(model, input_args, input_kwargs, layers_to_save=None)


def show_model_graph(
    model: torch.nn.Module,
    input_args: Any = None,
    input_kwargs: Mapping[str, Any] | None = None,
    *,
    random_seed: int | None = None,
    **others: Any,
) -> str:
    """Write the picture of a model's graph, as log_forward_pass does, and return its DOT text."""
    picture, fixed = picture_of(others, default="unrolled")
    check_fixed(fixed, function="show_model_graph", known=_ARGUMENTS)
    if picture.mode == "none":
        raise TraceError("show_model_graph draws; give vis_mode='rolled' or 'unrolled'.")
    with seeded(random_seed):
        traced = trace(model, arguments_of(model, input_args, input_kwargs), keep=None)
    return draw_picture(traced, picture)


def validate_model_activations(
    model: torch.nn.Module,
    input_args: Any = None,
    input_kwargs: Mapping[str, Any] | None = None,
    *,
    random_seed: int | None = None,
    **others: Any,
) -> bool:
    """Say whether the activations are right; what is wrong goes to the log.

    `lens_pipeline.validate` returns the whole report.
    """
    check_fixed(others, function="validate_model_activations", known=("random_seed",))
    with seeded(random_seed):
        report = validate(model, arguments_of(model, input_args, input_kwargs))
    if not report.ok:
        _log.warning("%s", report)
    return report.ok


log_model_metadata = get_model_metadata
validate_forward_pass = validate_model_activations

_ARGUMENTS = (
    "input_kwargs",
    "layers_to_save",
    "keep_unsaved_layers",
    "output_device",
    "activation_postfunc",
    "save_raw_activation",
    "detach_saved_tensors",
    "train_mode",
    "random_seed",
    *("vis_mode", "vis_opt", "vis_nesting_depth", "vis_outpath", "vis_fileformat"),
    *("vis_direction", "vis_buffer_layers"),
)


def _connected(*, detach: bool | None, train_mode: bool) -> bool:
    if train_mode and detach:
        raise TraceError(
            "train_mode=True keeps values in the autograd graph, detach_saved_tensors=True takes "
            "them out; give one of them."
        )
    return train_mode or detach is False


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(no_such_name(name, __name__, left_out=LEFT_OUT_FUNCTIONS, known=__all__))
