"""What TorchLens offers and this package does otherwise, with the sentence that says how.

Nothing is taken and ignored. An argument that asks for what happens anyway is accepted; any other
use of it, an attribute or a function that is not here raises with a sentence from these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import TraceError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Fixed:
    """An argument of which one value is what happens anyway."""

    # values that are accepted, since they change nothing
    accepted: tuple[object, ...]
    # what to do for the others
    instead: str


_GRADIENTS = "gradients are not recorded; use Tensor.register_hook in your own backward pass"
_TO_DISK = "values stay in memory; `python -m lens_pipeline run` writes them to disk as netCDF"
_DRAWING = "give `style` to `lens_pipeline.draw(history.trace, path)`"
_SAVED = "a trace stays in memory; `python -m lens_pipeline run` writes activations to disk"
_TABLES = "`lens_pipeline.tables` makes data frames and files of `history.trace`"

FIXED_ARGUMENTS = {
    "save_gradients": Fixed((False,), _GRADIENTS),
    "gradients_to_save": Fixed((None,), _GRADIENTS),
    "gradient_postfunc": Fixed((None,), _GRADIENTS),
    "save_raw_gradient": Fixed((True,), _GRADIENTS),
    "save_gradients_to": Fixed((None,), _GRADIENTS),
    "keep_gradients_in_memory": Fixed((True,), _GRADIENTS),
    "vis_gradient_edge_overrides": Fixed((None,), _GRADIENTS),
    "save_function_args": Fixed((True,), "the arguments of each call are always in captured_args"),
    "save_rng_states": Fixed((False,), "give random_seed, which makes the whole pass repeatable"),
    "save_source_context": Fixed((True,), "func_call_stack always has the source lines"),
    "num_context_lines": Fixed((3,), "func_call_stack shows 3 lines on each side"),
    "source_context_lines": Fixed((3,), "func_call_stack shows 3 lines on each side"),
    "mark_input_output_distances": Fixed((True,), "distances are always there to be asked for"),
    "compute_input_output_distances": Fixed((True,), "distances are always there to be asked for"),
    "detect_loops": Fixed((True,), "loops are always found, in time linear in the operations"),
    "detect_recurrent_patterns": Fixed((True,), "loops are always found"),
    "unwrap_when_done": Fixed((True,), "torch is never changed, so nothing stays behind"),
    "verbose": Fixed((False,), "print the result, or set up logging"),
    "validate_metadata": Fixed((True,), "the record itself is always checked as well"),
    "optimizer": Fixed((None,), "ask the optimizer which parameters it holds"),
    "save_activations_to": Fixed((None,), _TO_DISK),
    "keep_activations_in_memory": Fixed((True,), _TO_DISK),
    "activation_sink": Fixed((None,), _TO_DISK),
    "streaming": Fixed((None,), _TO_DISK),
    "visualization": Fixed((None,), "give vis_mode, vis_nesting_depth and vis_outpath one by one"),
    "vis_save_only": Fixed((True,), "no viewer is opened; open the file that was written"),
    "vis_node_placement": Fixed(("auto", "dot"), "Graphviz's dot places the boxes"),
    "vis_renderer": Fixed(("graphviz",), "Graphviz draws"),
    "vis_graph_overrides": Fixed((None,), _DRAWING),
    "vis_node_overrides": Fixed((None,), _DRAWING),
    "vis_edge_overrides": Fixed((None,), _DRAWING),
    "vis_module_overrides": Fixed((None,), _DRAWING),
    "vis_node_mode": Fixed(("default",), _DRAWING),
    "vis_theme": Fixed((), _DRAWING),
    "module": Fixed((None,), "give `module` to `lens_pipeline.draw(history.trace, path)`"),
    "code_panel": Fixed((False,), "read the code in func_call_stack"),
}

LEFT_OUT_FUNCTIONS = {
    "save": _SAVED,
    "load": "`lens_pipeline.open_run` opens what `python -m lens_pipeline run` wrote",
    "fastlog": "log_forward_pass with layers_to_save keeps just what you name",
    "validate_backward_pass": _GRADIENTS,
    "show_backward_graph": _GRADIENTS,
    "summary": "call `lens_pipeline.summary(history.trace)`",
}

LEFT_OUT_ATTRIBUTES = {
    **dict.fromkeys(("gradient", "grad_contents", "has_gradient", "log_backward"), _GRADIENTS),
    **dict.fromkeys(("recording_backward", "grad_fns", "transformed_gradient"), _GRADIENTS),
    **dict.fromkeys(("layers_with_saved_gradients", "grad_fn_object"), _GRADIENTS),
    **dict.fromkeys(("save",), _SAVED),
    **dict.fromkeys(("to_pandas", "to_csv", "to_parquet", "to_json"), _TABLES),
    "save_new_activations": "a history does not change; call log_forward_pass on the new input",
    "render_graph": "call `lens_pipeline.draw(history.trace, path)`",
    "validate_saved_activations": "call validate_model_activations(model, input_args)",
    "validate_forward_pass": "call validate_model_activations(model, input_args)",
    "func_rng_states": "give random_seed, which makes the whole pass repeatable",
    "buffer_layers": "buffers are not operations; `op.buffers` of an entry names those it read",
    "is_buffer_layer": "buffers are not operations; `op.buffers` names those that were read",
    "parent_param_barcodes": "parameters go by their addresses, in parent_params",
    "orphan_layers": "every operation stays in layer_labels",
    **dict.fromkeys(("total_flops", "flops_backward"), "see total_flops_forward; no backward pass"),
    **dict.fromkeys(("total_macs", "macs_backward"), "see total_macs_forward; no backward pass"),
    "modules": "use module_addresses, module_types and `trace.module_calls`",
    "passes": "ask for one pass, such as history['linear_1_1:2']",
    "layer_logs": "ask for one pass at a time, or use `trace.layers`",
}


def check_fixed(given: Mapping[str, object], *, function: str, known: Iterable[str]) -> None:
    """Refuse every argument that asks for something else than what happens anyway.

    `known` are the arguments that `function` has. Raises TraceError.
    """
    for name, value in given.items():
        fixed = FIXED_ARGUMENTS.get(name)
        if fixed is None:
            raise TraceError(
                f"{function} has no argument {name!r}; {nearest(name, (*known, *FIXED_ARGUMENTS))}."
            )
        if not any(value is one or (type(value) is str and value == one) for one in fixed.accepted):
            raise TraceError(f"{function} cannot take {name}={value!r}: {fixed.instead}.")


def no_such_name(
    name: str, owner: str, *, left_out: Mapping[str, str], known: Iterable[str]
) -> str:
    """Return the sentence of an AttributeError."""
    instead = left_out.get(name)
    return f"{owner} has no {name!r}{f': {instead}' if instead else f'; {nearest(name, known)}'}."
