"""Everything that a history tells about the model and its forward pass, name by name.

`MODEL_FIELDS` goes from TorchLens's name to the column of the table of the model that says it
(`lens_pipeline.columns.MODEL_COLUMNS`), or to a Field where there is no such column.
`MODEL_ALIASES` holds the names of TorchLens's earlier versions. What is counted over the forward
pass counts every operation, listed or not; lists of labels hold what is listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.compat.field import Field
from lens_pipeline.tracer.tensors import nbytes
from lens_pipeline.tracer.wording import human_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lens_pipeline.compat.history import LayerEntry, ModelHistory


def _where(test: Callable[[LayerEntry], bool]) -> Callable[[ModelHistory], list[str]]:
    return lambda history: [entry.op.label for entry in history if test(entry)]


def _no_pass(history: ModelHistory) -> list[str]:
    return list(dict.fromkeys(entry.layer_label_no_pass for entry in history))


def _with_parameters(history: ModelHistory) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in history:
        if entry.uses_params:
            found.setdefault(entry.layer_label_no_pass, []).append(entry.op.label)
    return found


def _bytes_saved(history: ModelHistory) -> int:
    tensors = (tensor for op in history.trace.ops for tensor in (op.value, op.transformed))
    return sum(nbytes(tensor) for tensor in tensors if tensor is not None)


def _module_children(history: ModelHistory) -> dict[str, list[str]]:
    found = history.overview.module_children
    return {address: found.get(address, []) for address, _ in history.trace.modules}


def _n_calls(history: ModelHistory) -> dict[str, int]:
    return {address: len(calls) for address, calls in history.overview.calls_of.items() if address}


# fmt: off
MODEL_FIELDS: Mapping[str, str | Field] = {
    "model_name": "model",
    # ---- what is listed ----------------------------------------------------------------------
    "layer_list": Field("every entry, in execution order", list),
    "layer_labels": Field("their labels", lambda h: [e.op.label for e in h]),
    "layer_labels_w_pass": Field("with the pass", lambda h: [e.layer_label_w_pass for e in h]),
    "layer_labels_no_pass": Field("labels of the layers, each once", _no_pass),
    "layer_dict_main_keys": Field("entry by label", lambda h: {e.op.label: e for e in h}),
    "layer_num_passes": Field("passes of each layer",
                              lambda h: {e.layer_label_no_pass: e.num_passes for e in h}),
    "input_layers": Field("labels of inputs", _where(lambda e: e.is_input_layer)),
    "output_layers": Field("labels of outputs", _where(lambda e: e.is_output_layer)),
    "internally_initialized_layers": Field("labels of what was made from no tensor",
                                           _where(lambda e: e.is_internally_initialized)),
    "internally_terminated_layers": Field("labels of what nothing reads",
                                          _where(lambda e: e.is_internally_terminated)),
    "internally_terminated_bool_layers": Field(
        "those that are one truth value",
        _where(lambda e: e.is_internally_terminated and e.is_scalar_bool)),
    "layers_with_params": Field("passes of each layer that reads parameters", _with_parameters),
    "layers_with_saved_activations": Field("labels of what was saved",
                                           _where(lambda e: e.has_saved_activations)),
    # ---- the forward pass --------------------------------------------------------------------
    "is_recurrent": "is_recurrent",
    "max_recurrent_loops": "most_passes",
    "is_branching": "is_branching",
    "has_conditional_branching": Field("whether Python asked for a truth value, as `if` does",
                                       lambda h: any(e.is_terminal_bool_layer for e in h)),
    "num_operations": Field("operations, without inputs and outputs",
                            lambda h: sum(op.kind == "call" for op in h.trace.ops)),
    "num_tensors_total": "n_ops",
    "num_tensors_saved": Field("entries that were saved",
                               lambda h: len(h.layers_with_saved_activations)),
    "total_activation_memory": "bytes",
    "total_activation_memory_str": Field("as text",
                                         lambda h: human_bytes(h.total_activation_memory)),
    "saved_activation_memory": Field("bytes of what was saved, raw and transformed", _bytes_saved),
    "saved_activation_memory_str": Field("as text", lambda h: human_bytes(_bytes_saved(h))),
    "total_flops_forward": "flops",
    "total_macs_forward": "macs",
    "time_forward_pass": "seconds",
    "time_function_calls": "op_seconds",
    # ---- parameters and modules --------------------------------------------------------------
    "total_param_tensors": Field("parameters", lambda h: len(h.trace.parameters)),
    "total_param_layers": Field("layers that read them", lambda h: len(h.layers_with_params)),
    "total_params": "n_parameters",
    "total_params_trainable": "n_trainable_parameters",
    "total_params_frozen": "n_frozen_parameters",
    "total_params_memory": "parameter_bytes",
    "total_params_memory_str": Field("as text", lambda h: human_bytes(h.total_params_memory)),
    "module_addresses": Field("every module but the model itself",
                              lambda h: [address for address, _ in h.trace.modules if address]),
    "module_types": Field("class by address", lambda h: dict(h.trace.modules)),
    "module_num_passes": Field("calls by address, where called", _n_calls),
    "module_children": Field("addresses right below each; '' is the model", _module_children),
    "top_level_modules": Field("the model's own children", lambda h: _module_children(h)[""]),
}
# fmt: on

MODEL_ALIASES: Mapping[str, str] = {
    "tensor_fsize_total": "total_activation_memory",
    "tensor_fsize_total_nice": "total_activation_memory_str",
    "tensor_fsize_saved": "saved_activation_memory",
    "tensor_fsize_saved_nice": "saved_activation_memory_str",
    "total_params_fsize": "total_params_memory",
    "total_params_fsize_nice": "total_params_memory_str",
    "model_is_recurrent": "is_recurrent",
    "model_max_recurrent_loops": "max_recurrent_loops",
    "model_is_branching": "is_branching",
    "model_has_conditional_branching": "has_conditional_branching",
    "layers_computed_with_params": "layers_with_params",
    "elapsed_time_forward_pass": "time_forward_pass",
}
