"""The columns of modules and of their calls. A row of the module table is (address, class name)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lens_pipeline.columns import ops
from lens_pipeline.columns.addresses import home
from lens_pipeline.columns.column import Column, registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lens_pipeline.columns.overview import Overview
    from lens_pipeline.tracer.records import ModuleCall, Op, Parameter

    Module = tuple[str, str]


def module_rows(o: Overview) -> list[Module]:
    """Return every module of the model, then those that were called without belonging to it."""
    called = {call.address: call.class_name for call in o.trace.module_calls}
    return list({**dict(o.trace.modules), **called}.items())


def _state(o: Overview, row: Module, field: str) -> Any:
    state = o.module_states.get(row[0])
    return None if state is None else getattr(state, field)


def _addresses(o: Overview, row: Module) -> tuple[str, ...]:
    state = o.module_states.get(row[0])
    return (row[0],) if state is None else state.addresses


def _calls(o: Overview, address: str) -> list[ModuleCall]:
    return o.calls_of.get(address, [])


def _ops(o: Overview, address: str) -> Iterator[Op]:
    return o.ops_in(_calls(o, address))


def _parent(address: str) -> str | None:
    return home(address) if address else None


def _own(o: Overview, address: str) -> list[Parameter]:
    return [o.parameters[name] for name in o.own_parameters.get(address, ())]


def _within(o: Overview, address: str) -> list[Parameter]:
    return o.parameters_within.get(address, [])


def _numbers(parameters: Iterable[Parameter]) -> int:
    return sum(math.prod(each.shape) for each in parameters)


def _outputs(o: Overview, calls: Iterable[ModuleCall]) -> list[str]:
    return ops.labels(o, (op for call in calls for op in call.outputs))


def _flops(o: Overview, found: Iterable[Op]) -> int | None:
    known: int | None = ops.total(o.flops[op.index] for op in found)
    return known


def seconds(found: Iterable[Op]) -> float:
    """Return the time of the calls that the Ops came from, each call once."""
    return sum({op.call: op.seconds for op in found}.values())


def _text(call: ModuleCall) -> str:
    return f"{call.address}:{call.number}"


def _inputs(o: Overview, call: ModuleCall) -> list[str]:
    inside = o.trace.ops[call.first : call.last]
    outside = (parent for op in inside for parent in op.parents if parent < call.first)
    return ops.labels(o, dict.fromkeys(outside))


def _of_forward(o: Overview, address: str, field: str) -> Any:
    code = o.forwards.get(address)
    return None if code is None else getattr(code, field)


# fmt: off
MODULE_COLUMNS: dict[str, Column] = registry(
    Column("address", "str", "", "Dotted path from the model, which itself is the empty text.",
           lambda _, row: row[0]),
    Column("name", "str", "", "The last part of the address.",
           lambda _, row: row[0].rpartition(".")[2]),
    Column("addresses", "list[str]", "", "All of its addresses.", _addresses),
    Column("is_shared", "bool", "", "Whether it has several.",
           lambda o, row: len(_addresses(o, row)) > 1),
    Column("class", "str", "", "Name of its class.", lambda _, row: row[1]),
    Column("qualified_class", "str", "",
           "With where it is found. Empty for a module made inside forward.",
           lambda o, row: _state(o, row, "qualified_class")),
    Column("is_training", "bool", "",
           "Whether it was in train mode. Empty for a module made inside forward.",
           lambda o, row: _state(o, row, "training")),
    Column("n_hooks", "int", "",
           "Forward hooks and pre-hooks it had. Empty for a module made inside forward.",
           lambda o, row: _state(o, row, "n_hooks")),
    Column("depth", "int", "", "Modules around it, the model included.",
           lambda _, row: row[0].count(".") + 1 if row[0] else 0),
    Column("parent", "str", "", "Address of the module it belongs to. Empty for the model.",
           lambda _, row: _parent(row[0])),
    Column("children", "list[str]", "", "Addresses of the modules that belong to it directly.",
           lambda o, row: o.module_children.get(row[0], [])),
    Column("is_leaf", "bool", "", "Whether no module belongs to it.",
           lambda o, row: row[0] not in o.module_children),
    Column("n_calls", "int", "", "How often it was called.",
           lambda o, row: len(_calls(o, row[0]))),
    Column("called_by", "list[str]", "", "Module calls that called it, without the model.",
           lambda o, row: ops.called(o.trace.module_calls[call.parent]
                                     for call in _calls(o, row[0]) if call.parent is not None)),
    Column("n_ops", "int", "", "Ops that ran inside it, over all calls.",
           lambda o, row: sum(1 for _ in _ops(o, row[0]))),
    Column("n_layers", "int", "", "Layers they belong to.",
           lambda o, row: len({op.layer for op in _ops(o, row[0])})),
    Column("outputs", "list[str]", "", "Ops whose output it returned, call by call.",
           lambda o, row: _outputs(o, _calls(o, row[0]))),
    Column("output_shapes", "list[list[int]]", "", "Their shapes.",
           lambda o, row: [o.trace.ops[op].shape
                           for call in _calls(o, row[0]) for op in call.outputs]),
    Column("seconds", "float", "s", "Time of the Ops inside it.",
           lambda o, row: seconds(_ops(o, row[0]))),
    Column("flops", "int", "FLOP", "FLOPs of the Ops inside it. Empty where one is unknown.",
           lambda o, row: _flops(o, _ops(o, row[0]))),
    Column("macs", "int", "MAC", "Half the FLOPs. Empty where they are unknown.",
           lambda o, row: ops.macs(_flops(o, _ops(o, row[0])))),
    Column("bytes", "int", "bytes", "Size of the outputs of the Ops inside it; views in full.",
           lambda o, row: sum(op.nbytes for op in _ops(o, row[0]))),
    Column("parameters", "list[str]", "", "Addresses of its own parameters.",
           lambda o, row: o.own_parameters.get(row[0], [])),
    Column("n_own_parameters", "int", "numbers", "Numbers in its own parameters.",
           lambda o, row: _numbers(_own(o, row[0]))),
    Column("n_parameters", "int", "numbers", "Numbers in its parameters and those of its modules.",
           lambda o, row: _numbers(_within(o, row[0]))),
    Column("n_trainable_parameters", "int", "numbers", "Of these, the trainable ones.",
           lambda o, row: _numbers(each for each in _within(o, row[0]) if each.trainable)),
    Column("parameter_bytes", "int", "bytes", "Size of its parameters and those of its modules.",
           lambda o, row: sum(each.nbytes for each in _within(o, row[0]))),
    Column("file", "str", "", "Source file of its forward. Empty where no Op shows it.",
           lambda o, row: _of_forward(o, row[0], "co_filename")),
    Column("line", "int", "", "First line of its forward, from 1. Empty where no Op shows it.",
           lambda o, row: _of_forward(o, row[0], "co_firstlineno")),
)

MODULE_CALL_COLUMNS: dict[str, Column] = registry(
    Column("index", "int", "", "Position among the calls, in order of entry.",
           lambda _, call: call.index),
    Column("call", "str", "", "`address:number`.", lambda _, call: _text(call)),
    Column("address", "str", "", "Address of the module.", lambda _, call: call.address),
    Column("class", "str", "", "Name of its class.", lambda _, call: call.class_name),
    Column("number", "int", "", "Which call of the module this is, from 1.",
           lambda _, call: call.number),
    Column("depth", "int", "", "Calls around it, the model's included.",
           lambda o, call: len(o.chains[call.index]) - 1),
    Column("parent", "str", "", "The call around it. Empty for the model's.",
           lambda o, call: None if call.parent is None
           else _text(o.trace.module_calls[call.parent])),
    Column("is_leaf", "bool", "", "Whether it called no module.",
           lambda o, call: call.index not in o.not_leaves),
    Column("n_ops", "int", "", "Ops that ran inside it.", lambda _, call: call.last - call.first),
    Column("inputs", "list[str]", "", "Ops outside it that Ops inside it read.", _inputs),
    Column("outputs", "list[str]", "", "Ops whose output it returned.",
           lambda o, call: ops.labels(o, call.outputs)),
    Column("output_shapes", "list[list[int]]", "", "Their shapes.",
           lambda o, call: [o.trace.ops[op].shape for op in call.outputs]),
    Column("seconds", "float", "s", "Time of the Ops inside it.",
           lambda o, call: seconds(o.ops_in([call]))),
    Column("flops", "int", "FLOP", "FLOPs of the Ops inside it. Empty where one is unknown.",
           lambda o, call: _flops(o, o.ops_in([call]))),
    Column("bytes", "int", "bytes", "Size of the outputs of the Ops inside it.",
           lambda o, call: sum(op.nbytes for op in o.ops_in([call]))),
)
# fmt: on
