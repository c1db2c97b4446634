"""Everything that an entry of a history tells: the words are TorchLens's, the facts a Trace's.

`LAYER_FIELDS` goes from TorchLens's name to the column of the table of Ops that says it
(`lens_pipeline.columns.OP_COLUMNS`, where it is described), or to a Field where there is no
such column. An entry has each as an attribute. `LAYER_ALIASES` holds the names of TorchLens's
earlier versions and of its paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.columns.ops import of_transformed
from lens_pipeline.compat import entry_facts as facts
from lens_pipeline.compat.field import Field
from lens_pipeline.tracer.wording import human_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

# fmt: off
LAYER_FIELDS: Mapping[str, str | Field] = {
    # ---- labels ------------------------------------------------------------------------------
    "layer_label": "label",
    "layer_label_short": Field("label without its second number, with its pass where there are "
                               "several", facts.short_label),
    "layer_label_w_pass": Field("label with its pass",
                                lambda e: f"{e.layer_label_no_pass}:{e.pass_num}"),
    "layer_label_w_pass_short": Field("short label with its pass",
                                      lambda e: f"{e.layer_label_no_pass_short}:{e.pass_num}"),
    "layer_label_no_pass": "layer_label",
    "layer_label_no_pass_short": Field("short label of the layer",
                                       lambda e: e.layer_label_no_pass.rpartition("_")[0]),
    "layer_type": "type",
    "layer_type_num": Field("which layer of its type, from 1",
                            lambda e: int(e.layer_label_no_pass_short.rpartition("_")[2])),
    "layer_total_num": "layer",
    "pass_num": "pass",
    "num_passes": "n_passes",
    "recurrent_group": Field("labels of every pass of its layer", facts.passes),
    "operation_num": "index",
    "lookup_keys": Field("every key that leads to this entry alone", facts.lookup_keys),
    # ---- the output --------------------------------------------------------------------------
    "activation": Field("the output as it was when the call had run; None if not saved",
                        lambda e: e.op.value),
    "transformed_activation": Field("what activation_postfunc made of it; None",
                                    lambda e: e.op.transformed),
    "has_saved_activations": Field("whether either is there", facts.is_saved),
    "tensor_shape": "shape",
    "tensor_dtype": Field("its torch.dtype", lambda e: e.op.dtype),
    "tensor_memory": "bytes",
    "tensor_memory_str": Field("its size as text", lambda e: human_bytes(e.tensor_memory)),
    "transformed_activation_shape": "transformed_shape",
    "transformed_activation_dtype": Field(
        "its torch.dtype; None", lambda e: of_transformed(e.op, lambda value: value.dtype)),
    "transformed_activation_memory": "transformed_bytes",
    "is_scalar_bool": Field("whether it is one truth value", facts.is_truth_value),
    "scalar_bool_value": "condition",
    "is_terminal_bool_layer": "is_condition",
    # ---- the call ----------------------------------------------------------------------------
    "func_applied": Field("what was called; None for inputs and outputs", lambda e: e.op.function),
    "func_name": "function",
    "func_call_stack": Field("where it was called from, innermost first", facts.call_stack),
    "func_time": "seconds",
    "func_is_inplace": "in_place",
    "func_autocast_state": "autocast",
    "func_config": "config",
    "func_argnames": Field("names of its arguments",
                           lambda e: tuple(e.history.overview.named_arguments[e.op.index])),
    "captured_args": Field("its arguments; tensors as what they were", lambda e: e.op.args),
    "captured_kwargs": Field("its keyword arguments, likewise", lambda e: e.op.kwargs),
    "num_args": Field("how many it had", lambda e: len(e.op.args) + len(e.op.kwargs)),
    "num_positional_args": Field("how many by position", lambda e: len(e.op.args)),
    "num_keyword_args": Field("how many by keyword", lambda e: len(e.op.kwargs)),
    "func_positional_args_non_tensor": Field("those by position without tensors", facts.plain_args),
    "func_kwargs_non_tensor": Field("those by keyword without tensors", facts.plain_kwargs),
    "grad_fn_name": "autograd_function",
    "is_part_of_iterable_output": Field("whether the call returned several tensors",
                                        lambda e: e.op.output_index is not None),
    "iterable_output_index": "output_index",
    "flops_forward": "flops",
    "macs_forward": "macs",
    "autograd_saved_bytes": "autograd_bytes",
    # ---- parameters --------------------------------------------------------------------------
    "uses_params": Field("whether the call read parameters", lambda e: bool(e.op.parameters)),
    "parent_params": Field("the records of those, not the tensors", facts.parameters),
    "parent_param_shapes": "parameter_shapes",
    "num_param_tensors": Field("how many there are", lambda e: len(e.op.parameters)),
    "num_params_total": "n_parameters",
    "num_params_trainable": "n_trainable_parameters",
    "num_params_frozen": Field("numbers in the frozen ones",
                               lambda e: e.num_params_total - e.num_params_trainable),
    "params_memory": "parameter_bytes",
    "params_memory_str": Field("their size as text", lambda e: human_bytes(e.params_memory)),
    # ---- the graph ---------------------------------------------------------------------------
    "parent_layers": "parents",
    "parent_layer_arg_locs": Field("label of the parent in each argument; an item of a list goes "
                                   "by (argument, item)", facts.parents_by_argument),
    "has_parents": Field("whether there are any", lambda e: bool(e.parent_layers)),
    "child_layers": "children",
    "has_children": Field("whether there are any", lambda e: bool(e.child_layers)),
    "sibling_layers": "siblings",
    "has_siblings": Field("whether there are any", lambda e: bool(e.sibling_layers)),
    "co_parent_layers": "co_parents",
    "has_co_parents": Field("whether there are any", lambda e: bool(e.co_parent_layers)),
    "is_input_layer": Field("an input of the model", lambda e: e.op.kind == "input"),
    "is_output_layer": Field("an output of the model", lambda e: e.op.kind == "output"),
    "io_role": Field("its place in the arguments or the result, such as 'input.x'; None",
                     lambda e: None if e.op.kind == "call" else e.op.name),
    "has_input_ancestor": "has_input_ancestor",
    "input_ancestors": "input_ancestors",
    "feeds_output": "is_output_ancestor",
    "output_descendants": "output_descendants",
    "min_distance_from_input": "min_distance_from_input",
    "max_distance_from_input": "max_distance_from_input",
    "min_distance_from_output": "min_distance_to_output",
    "max_distance_from_output": "max_distance_to_output",
    "is_internally_initialized": "is_internal_source",
    "is_internally_terminated": "is_dead_end",
    # ---- modules -----------------------------------------------------------------------------
    "containing_module": Field("innermost module it ran in, with its call where there are several; "
                               "None", facts.containing_module),
    "containing_modules": "modules",
    "is_computed_inside_submodule": Field("whether there are any",
                                          lambda e: bool(e.containing_modules)),
    "module_nesting_depth": "module_depth",
    "modules_entered": Field("addresses of the modules into which its output went",
                             facts.modules_entered),
    "module_passes_entered": Field("the same with the number of the call",
                                   facts.module_passes_entered),
    "is_submodule_input": Field("whether there are any", lambda e: bool(e.module_passes_entered)),
    "modules_exited": Field("addresses of the modules whose output it is, innermost first",
                            facts.modules_exited),
    "module_passes_exited": "modules_exited",
    "is_submodule_output": Field("whether there are any", lambda e: bool(e.modules_exited)),
    "is_leaf_module_output": Field("whether a module without inner calls returned it",
                                   lambda e: e.leaf_module_pass is not None),
    "leaf_module_pass": Field("call of the module without inner calls whose output it is; None",
                              facts.leaf_module_pass),
}
# fmt: on

LAYER_ALIASES: Mapping[str, str] = {
    "tensor": "activation",
    "tensor_contents": "activation",
    "tensor_fsize": "tensor_memory",
    "tensor_fsize_nice": "tensor_memory_str",
    "layer_passes_total": "num_passes",
    "same_layer_operations": "recurrent_group",
    "creation_order": "operation_num",
    "atomic_bool_val": "scalar_bool_value",
    "func_applied_name": "func_name",
    "func_time_elapsed": "func_time",
    "function_is_inplace": "func_is_inplace",
    "creation_args": "captured_args",
    "creation_kwargs": "captured_kwargs",
    "num_func_args_total": "num_args",
    "num_position_args": "num_positional_args",
    "func_position_args_non_tensor": "func_positional_args_non_tensor",
    "func_keyword_args_non_tensor": "func_kwargs_non_tensor",
    "gradfunc": "grad_fn_name",
    "computed_with_params": "uses_params",
    "params": "parent_params",
    "parent_param_logs": "parent_params",
    "parent_params_fsize": "params_memory",
    "parent_params_fsize_nice": "params_memory_str",
    "spouse_layers": "co_parent_layers",
    "has_spouses": "has_co_parents",
    "is_output_ancestor": "feeds_output",
    "output_descendents": "output_descendants",
    "input_output_address": "io_role",
    "initialized_inside_model": "is_internally_initialized",
    "terminated_inside_model": "is_internally_terminated",
    "containing_module_origin": "containing_module",
    "containing_modules_origin_nested": "containing_modules",
    "is_bottom_level_submodule_output": "is_leaf_module_output",
    "bottom_level_submodule_pass_exited": "leaf_module_pass",
}
