"""A Trace and an Op as text for people. Duck-typed, since it stands below `trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lens_pipeline.tracer.records import Layer, Op

_UNITS = ("B", "KB", "MB", "GB", "TB")


def human_bytes(n: float) -> str:
    """Return a number of bytes as text, in units of 1,024.

    >>> human_bytes(259584)
    '253.5 KB'
    """
    for unit in _UNITS:
        if n < 1024 or unit == _UNITS[-1]:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    raise AssertionError


def trace_report(trace: Any) -> str:
    """Return the report of a whole trace: structure, totals, layers with their passes."""
    n_passes = max((len(layer.ops) for layer in trace.layers), default=0)
    structure = f"recurrent, at most {n_passes} passes" if n_passes > 1 else "purely feedforward"
    kept = [op for op in trace.ops if op.value is not None]
    n_parameters = sum(_numel(parameter.shape) for parameter in trace.parameters)
    ran, held = (human_bytes(sum(op.nbytes for op in ops)) for ops in (trace.ops, kept))
    weights = human_bytes(sum(parameter.nbytes for parameter in trace.parameters))
    lines = [
        f"Trace of {trace.model_name}:",
        f"  Structure: {structure}; {len(trace.modules)} modules.",
        f"  {len(trace.ops)} operations ({ran}) ran; {len(kept)} values ({held}) kept.",
        f"  {len(trace.parameters)} parameters ({n_parameters:,} numbers; {weights}).",
        f"  Complete: {'yes' if trace.complete else 'NO: ' + '; '.join(trace.gaps)}.",
        f"  Time: {trace.seconds:.3f} s",
        "  Layers:",
    ]
    return "\n".join(lines + [_layer_line(layer) for layer in trace.layers])


def op_report(trace: Any, op: Op) -> str:
    """Return the report of one Op."""
    address = "" if op.module_call is None else trace.module_calls[op.module_call].address
    children = [other.label for other in trace.ops if op.index in other.parents]
    exits = [
        f"{call.address}:{call.number}" for call in trace.module_calls if op.index in call.outputs
    ]
    return "\n".join(
        [
            f"Op {op.label}, number {op.index} of {len(trace.ops)}:",
            f"  Output: shape={op.shape}, dtype={op.dtype}, size={human_bytes(op.nbytes)}",
            f"  Function: {op.name}" + (f" (grad_fn={op.grad_fn})" if op.grad_fn else ""),
            f"  Parameters: {', '.join(op.parameters) or 'none'}",
            f"  Parents: {', '.join(trace.ops[i].label for i in op.parents) or 'none'}",
            f"  Children: {', '.join(children) or 'none'}",
            f"  Inside module: {address or 'the model itself'}",
            f"  Output of modules: {', '.join(exits) or 'none'}",
            f"  Time: {op.seconds:.3e} s",
        ]
    )


def _layer_line(layer: Layer) -> str:
    passes = f"  ({len(layer.ops)} passes)" if len(layer.ops) > 1 else ""
    return f"    {layer.index}: {layer.label}{passes}"


def _numel(shape: tuple[int, ...]) -> int:
    n = 1
    for side in shape:
        n *= side
    return n
