"""Turns what a Recorder wrote into a Trace: layers found, labels given, everything frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.tracer.inventory import buffers_of, modules_of, parameters_of
from lens_pipeline.tracer.labels import layer_labels, op_label
from lens_pipeline.tracer.loops import Visit, find_layers
from lens_pipeline.tracer.records import Layer, ModuleCall, Op
from lens_pipeline.tracer.trace import Trace

if TYPE_CHECKING:
    import torch

    from lens_pipeline.tracer.raw import Beginning, RawModuleCall, RawOp
    from lens_pipeline.tracer.recorder import Recorder


def assemble(
    recorder: Recorder, model: torch.nn.Module, *, beginning: Beginning, seconds: float
) -> Trace:
    """Return the Trace of a forward pass that has ended."""
    layer_of, pass_of = find_layers([_visit(recorder, op) for op in recorder.ops])
    layers = _layers(recorder.ops, layer_of)
    return Trace(
        model_name=type(model).__name__,
        ops=tuple(
            _op(recorder, index, layers[layer], number)
            for index, (layer, number) in enumerate(zip(layer_of, pass_of, strict=True))
        ),
        layers=layers,
        module_calls=_module_calls(recorder),
        host_reads=tuple(recorder.host_reads.reads),
        sites=recorder.places.sites.all(),
        parameters=parameters_of(recorder.model),
        modules=modules_of(recorder.model),
        complete=not recorder.gaps,
        gaps=tuple(
            gap if times == 1 else f"{gap} ({times} times)" for gap, times in recorder.gaps.items()
        ),
        seconds=seconds,
        buffers=buffers_of(recorder.model),
        module_states=beginning.module_states,
        rng_state=beginning.rng_state,
    )


def _visit(recorder: Recorder, op: RawOp) -> Visit:
    call = op.call
    inside = call.module_call
    return Visit(
        function=(call.function.layer_type, op.output_index),
        parameters=tuple(call.parameters),
        site=call.site,
        module=None if inside is None else recorder.places.calls[inside].address,
        parents=tuple(call.parents),
        alone=call.kind != "call",
    )


def _layers(ops: list[RawOp], layer_of: list[int]) -> tuple[Layer, ...]:
    members: list[list[int]] = []
    for index, layer in enumerate(layer_of):
        if layer == len(members):
            members.append([])
        members[layer].append(index)
    types = [ops[indices[0]].call.function.layer_type for indices in members]
    return tuple(
        Layer(index, label, kind, tuple(indices))
        for index, (label, kind, indices) in enumerate(
            zip(layer_labels(types), types, members, strict=True)
        )
    )


def _op(recorder: Recorder, index: int, layer: Layer, pass_number: int) -> Op:
    raw = recorder.ops[index]
    call = raw.call
    return Op(
        index=index,
        kind=call.kind,
        name=call.function.name,
        label=op_label(layer.label, pass_number=pass_number, n_passes=len(layer.ops)),
        layer=layer.index,
        pass_number=pass_number,
        function=call.function.func,
        args=call.args,
        kwargs=call.kwargs,
        parents=tuple(call.parents),
        parameters=tuple(call.parameters),
        buffers=tuple(call.buffers),
        call=call.number,
        host_reads=call.host_reads,
        autocast=call.autocast,
        output_index=raw.output_index,
        in_place=call.in_place,
        module_call=call.module_call,
        site=call.site,
        shape=raw.shape,
        dtype=raw.dtype,
        device=raw.device,
        nbytes=raw.nbytes,
        requires_grad=raw.requires_grad,
        grad_fn=raw.grad_fn,
        seconds=call.seconds,
        value=recorder.kept.values.get(index),
        transformed=recorder.kept.transformed.get(index),
    )


def _module_calls(recorder: Recorder) -> tuple[ModuleCall, ...]:
    return tuple(
        ModuleCall(
            index=index,
            address=call.address,
            class_name=_class_name(call.module),
            number=call.number,
            parent=call.parent,
            site=call.site,
            outputs=_outputs(recorder, call),
            first=call.first,
            last=call.last,
        )
        for index, call in enumerate(recorder.places.calls)
    )


def _class_name(module: torch.nn.Module | type) -> str:
    return module.__name__ if isinstance(module, type) else type(module).__name__


def _outputs(recorder: Recorder, call: RawModuleCall) -> tuple[int, ...]:
    """Return the Ops a call returned; of an autograd.Function, those that are read outside it."""
    if not isinstance(call.module, type):
        return call.outputs
    read = {parent for op in recorder.ops[call.last :] for parent in op.call.parents}
    return tuple(op for op in range(call.first, call.last) if op in read)
