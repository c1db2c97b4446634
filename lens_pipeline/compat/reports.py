"""A history and an entry as text for people, in the order in which TorchLens tells it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from lens_pipeline.tracer.module_tree import module_lines
from lens_pipeline.tracer.op_report import corner

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lens_pipeline.compat.history import LayerEntry, ModelHistory

# entries that are printed before those in the middle are left out
MOST_LAYERS = 2000


def history_report(history: ModelHistory) -> str:
    """Return the structure, the totals, the tree of modules, and the listed layers by number."""
    passes = history.max_recurrent_loops
    loops = f"recurrent, at most {passes} loops" if passes > 1 else "purely feedforward"
    branches = "with" if history.is_branching else "without"
    ran, saved = history.total_activation_memory_str, history.saved_activation_memory_str
    computed, kept = (
        f"{n} tensors" for n in (history.num_tensors_total, history.num_tensors_saved)
    )
    weights, n_modules = f"{history.total_param_tensors} params", len(history.module_addresses)
    seed = history.random_seed_used
    gaps = "; ".join(history.trace.gaps)
    lines = [
        f"Log of {history.model_name} forward pass:",
        f"Model structure: {loops}, {branches} branching; {n_modules} total modules.",
        f"{computed} ({ran}) computed in forward pass; {kept} ({saved}) saved.",
        f"{weights} ({history.total_params} params total; {history.total_params_memory_str}).",
        f"Random seed: {'the state the generators were in' if seed is None else seed}",
        f"Time elapsed: {history.time_forward_pass:.3f}s",
        *([f"Not recorded: {gaps}"] if gaps else []),
        "Module Hierarchy:",
        *(f"\t{line}" for line in module_lines(history.trace.modules, most=None)),
        "Layers:",
        *_layers(history),
    ]
    return "\n\t".join(lines)


def entry_report(entry: LayerEntry) -> str:
    """Return what came out, from which parameters and parents, by which call, where, how fast."""
    op, history = entry.op, entry.history
    several = entry.num_passes > 1
    number = f"pass {op.pass_number}/{entry.num_passes}, " if several else ""
    place = f"{number}operation {op.index + 1}/{history.num_tensors_total}"
    autograd = f" (grad_fn={op.grad_fn})" if op.grad_fn else ""
    lines = [
        f"Layer {entry.layer_label_no_pass}, {place}:",
        f"Output tensor: shape={op.shape}, dtype={op.dtype}, size={entry.tensor_memory_str}",
        *_values(entry),
        f"Params: {_parameters(entry)}",
        f"Parent Layers: {_listed(entry.parent_layers)}",
        f"Child Layers: {_listed(entry.child_layers)}",
        f"Function: {op.name}{autograd}",
        f"Computed inside module: {entry.containing_module or 'the model itself'}",
        f"Time elapsed: {op.seconds:.3E}s",
        f"Output of modules: {_listed(entry.modules_exited)}",
        f"Output of bottom-level module: {entry.leaf_module_pass or 'none'}",
        f"Lookup keys: {_listed(map(str, entry.lookup_keys))}",
    ]
    return "\n\t".join(lines)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def _values(entry: LayerEntry) -> Iterator[str]:
    """Yield the first values of what was saved, at most five by five."""
    for what, tensor in (("", entry.activation), ("Transformed: ", entry.transformed_activation)):
        if tensor is not None:
            first = corner(tensor)
            cut = "..." if first is not None and tensor.numel() > first.numel() else ""
            shown = f"(as {tensor.layout})" if first is None else str(first)
            yield textwrap.indent(f"{what}{shown}{cut}", "\t\t")[1:]
    if not entry.has_saved_activations:
        yield "(not saved)"


def _parameters(entry: LayerEntry) -> str:
    if not entry.uses_params:
        return "no params used"
    shapes = ", ".join(map(str, entry.parent_param_shapes))
    return (
        f"Computed from params with shape {shapes}; "
        f"{entry.num_params_total} params total ({entry.params_memory_str})"
    )


def _layers(history: ModelHistory) -> list[str]:
    """Return the numbered entries, those in the middle left out where there are very many."""
    lines = [f"\t{number}: {_with_passes(entry)}" for number, entry in enumerate(history)]
    left = len(lines) - MOST_LAYERS
    if left <= 0:
        return lines
    half = MOST_LAYERS // 2
    return [*lines[:half], f"\t... {left} left out; layer_labels has them all", *lines[-half:]]


def _with_passes(entry: LayerEntry) -> str:
    if entry.num_passes == 1:
        return str(entry.layer_label)
    return f"{entry.layer_label_no_pass} (pass {entry.pass_num}/{entry.num_passes})"
