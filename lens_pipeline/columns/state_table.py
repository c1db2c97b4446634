"""The columns of parameters, of buffers, and of the model as a whole."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import TYPE_CHECKING

from lens_pipeline.columns import ops
from lens_pipeline.columns.addresses import home
from lens_pipeline.columns.column import Column, registry
from lens_pipeline.columns.module_table import seconds
from lens_pipeline.conditionals.branching import decided
from lens_pipeline.tracer import graph
from lens_pipeline.tracer.wording import torch_name

if TYPE_CHECKING:
    import torch

    from lens_pipeline.columns.overview import Overview
    from lens_pipeline.tracer.records import Buffer, Parameter
    from lens_pipeline.tracer.trace import Trace


def _is_touched(o: Overview, buffer: Buffer) -> bool:
    return bool(_readers(o, buffer) or _writers(o, buffer))


def _users(o: Overview, parameter: Parameter) -> list[int]:
    return o.parameter_users.get(parameter.addresses[0], [])


def _together(o: Overview, parameter: Parameter) -> list[str]:
    used = (name for op in _users(o, parameter) for name in o.trace.ops[op].parameters)
    return [name for name in dict.fromkeys(used) if name not in parameter.addresses]


def _readers(o: Overview, buffer: Buffer) -> list[str]:
    address = buffer.addresses[0]
    return ops.labels(o, (op for op, reads in enumerate(o.buffer_reads) if address in reads))


def _writers(o: Overview, buffer: Buffer) -> list[str]:
    address = buffer.addresses[0]
    return ops.labels(o, (op for op, writes in enumerate(o.buffer_writes) if address in writes))


def _numbers(o: Overview, *, trainable: bool | None = None) -> int:
    found = o.trace.parameters
    return sum(math.prod(p.shape) for p in found if trainable in (None, p.trainable))


def _digest(state: torch.Tensor) -> str:
    return hashlib.blake2b(bytes(state.tolist()), digest_size=8).hexdigest()


def _flops_by_type(o: Overview, trace: Trace) -> list[str]:
    found: Counter[str] = Counter()
    for op, flops in zip(trace.ops, o.flops, strict=True):
        found[trace.layers[op.layer].type] += flops or 0
    return [f"{kind} {flops}" for kind, flops in found.most_common() if flops]


# fmt: off
# what is said of parameters and of buffers
_SHARED = (
    Column("address", "str", "", "The first of its addresses.", lambda _, p: p.addresses[0]),
    Column("name", "str", "", "The last part of the address.",
           lambda _, p: p.addresses[0].rpartition(".")[2]),
    Column("addresses", "list[str]", "", "All of its addresses.", lambda _, p: p.addresses),
    Column("is_shared", "bool", "", "Whether it has several.", lambda _, p: len(p.addresses) > 1),
    Column("module", "str", "", "Address of the module it belongs to.",
           lambda _, p: home(p.addresses[0])),
    Column("module_class", "str", "", "Class of that module.",
           lambda o, p: o.classes.get(home(p.addresses[0]))),
    Column("shape", "list[int]", "", "Lengths of its axes.", lambda _, p: p.shape),
    Column("n_elements", "int", "numbers", "Numbers in it.", lambda _, p: math.prod(p.shape)),
    Column("dtype", "str", "", "Type of the numbers.", lambda _, p: torch_name(p.dtype)),
    Column("bytes", "int", "bytes", "Its size.", lambda _, p: p.nbytes),
)

PARAMETER_COLUMNS: dict[str, Column] = registry(
    *_SHARED,
    Column("trainable", "bool", "", "Whether it requires gradients.", lambda _, p: p.trainable),
    Column("is_used", "bool", "", "Whether an Op read it.", lambda o, p: bool(_users(o, p))),
    Column("n_uses", "int", "", "Ops that read it.", lambda o, p: len(_users(o, p))),
    Column("used_by", "list[str]", "", "These Ops.", lambda o, p: ops.labels(o, _users(o, p))),
    Column("used_with", "list[str]", "", "Other parameters that they read.", _together),
)

BUFFER_COLUMNS: dict[str, Column] = registry(
    *_SHARED,
    Column("persistent", "bool", "", "Whether it is part of the model's state_dict.",
           lambda _, b: b.persistent),
    Column("is_used", "bool", "", "Whether an Op read or wrote it.", _is_touched),
    Column("n_reads", "int", "", "Ops that read it.", lambda o, b: len(_readers(o, b))),
    Column("read_by", "list[str]", "", "These Ops.", _readers),
    Column("n_writes", "int", "writes", "Ops that wrote it in place, each making a new version.",
           lambda o, b: len(_writers(o, b))),
    Column("written_by", "list[str]", "", "These Ops.", _writers),
)

MODEL_COLUMNS: dict[str, Column] = registry(
    Column("model", "str", "", "Class of the model.", lambda _, t: t.model_name),
    Column("is_complete", "bool", "", "Whether nothing ran that is not an Op.",
           lambda _, t: t.complete),
    Column("gaps", "list[str]", "", "What is missing.", lambda _, t: t.gaps),
    Column("n_ops", "int", "", "Ops, inputs and outputs included.", lambda _, t: len(t.ops)),
    Column("n_layers", "int", "", "Layers.", lambda _, t: len(t.layers)),
    Column("is_training", "bool", "", "Whether the model was in train mode.",
           lambda _, t: t.module_states[0].training if t.module_states else None),
    Column("rng_state", "str", "",
           "Digest of `Trace.rng_state`, the state in which torch's CPU generator was.",
           lambda _, t: None if t.rng_state is None else _digest(t.rng_state)),
    Column("n_random_ops", "int", "", "Ops of functions that torch marks as ones that may draw.",
           lambda _, t: sum(map(ops.is_random, t.ops))),
    Column("internal_sources", "list[str]", "", "Calls that read no Op's output.",
           lambda _, t: [op.label for op in t.ops if ops.is_internal_source(op)]),
    Column("dead_ends", "list[str]", "", "Ops that are no output and that nothing read.",
           lambda o, t: [op.label for op in t.ops if ops.is_dead_end(o, op)]),
    Column("n_edges", "int", "edges", "Edges from Op to Op.",
           lambda o, _: sum(map(len, o.parents))),
    Column("n_inputs", "int", "", "Input tensors.",
           lambda _, t: sum(op.kind == "input" for op in t.ops)),
    Column("n_outputs", "int", "", "Output tensors.",
           lambda _, t: sum(op.kind == "output" for op in t.ops)),
    Column("is_recurrent", "bool", "",
           "Whether the Layers, joined by what depends on an input, form a cycle.",
           lambda _, t: graph.is_recurrent(t)),
    Column("most_passes", "int", "", "Visits of the Layer that was visited most.",
           lambda _, t: max((len(layer.ops) for layer in t.layers), default=0)),
    Column("is_branching", "bool", "", "Whether an output was read by several Ops.",
           lambda o, _: any(len(readers) > 1 for readers in o.children)),
    Column("n_modules", "int", "", "Modules, the model included.", lambda _, t: len(t.modules)),
    Column("n_module_calls", "int", "", "Calls of modules, the model's included.",
           lambda _, t: len(t.module_calls)),
    Column("uncalled_modules", "list[str]", "", "Addresses of the modules that were not called.",
           lambda o, t: [name for name, _ in t.modules if name not in o.calls_of]),
    Column("n_host_reads", "int", "", "Times that numbers left for Python.",
           lambda _, t: len(t.host_reads)),
    Column("n_conditions", "int", "", "Times that Python asked for a truth value.",
           lambda _, t: sum(read.name == "__bool__" for read in t.host_reads)),
    Column("n_conditionals", "int", "",
           "Evaluations of an `if` or a ternary that the contents of a tensor decided.",
           lambda o, _: len(o.control.conditionals)),
    Column("branches", "list[str]", "",
           "Where these are, their tests, and how often each arm was taken.",
           lambda o, _: decided(o.control.conditionals)),
    Column("bytes", "int", "bytes", "Size of the outputs of all Ops; views count in full.",
           lambda _, t: sum(op.nbytes for op in t.ops)),
    Column("bytes_kept", "int", "bytes", "Of these, the size of the values that the Trace holds.",
           lambda _, t: sum(op.nbytes for op in t.ops if op.value is not None)),
    Column("n_parameters", "int", "numbers", "Numbers in the parameters.",
           lambda o, _: _numbers(o)),
    Column("n_trainable_parameters", "int", "numbers", "Numbers in the trainable ones.",
           lambda o, _: _numbers(o, trainable=True)),
    Column("n_frozen_parameters", "int", "numbers", "Numbers in the others.",
           lambda o, _: _numbers(o, trainable=False)),
    Column("parameter_bytes", "int", "bytes", "Size of the parameters.",
           lambda _, t: sum(p.nbytes for p in t.parameters)),
    Column("unused_parameters", "list[str]", "", "Addresses of the parameters that no Op read.",
           lambda o, t: [p.addresses[0] for p in t.parameters if not _users(o, p)]),
    Column("seconds", "float", "s", "Wall time of the traced forward pass.",
           lambda _, t: t.seconds),
    Column("op_seconds", "float", "s", "Time of the Ops alone.", lambda _, t: seconds(t.ops)),
    Column("flops", "int", "FLOP", "FLOPs of all Ops. Empty where one is unknown.",
           lambda o, _: ops.total(o.flops)),
    Column("macs", "int", "MAC", "Half the FLOPs. Empty where they are unknown.",
           lambda o, _: ops.macs(ops.total(o.flops))),
    Column("flops_by_type", "list[str]", "FLOP",
           "FLOPs of each type of Layer as `type number`, most first; unknown ones count 0.",
           _flops_by_type),
)
# fmt: on
