"""Layers that hold the same numbers: stored once, found under every name.

A module that returns what its last part returned, an Identity, a Dropout in eval mode: their
outputs are one tensor under several names. What is the same is read off the structure (an operation
that passes its input on) and not off the values, which may agree by accident for a few stimuli.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lens_pipeline.selectors import Selected
    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace

# Name of the attribute of a layer that lists its other names.
ALIASES = "aliases"

# Functions that pass their input on, where they leave shape and type alone.
_COPIES = frozenset({"contiguous", "clone", "detach", "to", "float", "alias"})
_DROPOUTS = frozenset(
    {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"}
    | {"dropout_", "alpha_dropout_", "feature_dropout", "feature_dropout_"}
)

# an entry per pass: its number and the Op that its numbers come from
Passes = tuple[tuple[int, int], ...]


def origins(traced: Trace) -> list[int]:
    """Return for each Op the one whose output it passes on; itself where it computes something."""
    found: list[int] = []
    for op in traced.ops:
        same = len(op.parents) == 1 and _passes_on(op, traced.ops[op.parents[0]])
        found.append(found[op.parents[0]] if same else op.index)
    return found


def without_repeats(selected: Sequence[Selected], same_as: Sequence[int]) -> tuple[Selected, ...]:
    """Return what is stored: of layers with the same numbers in every pass, the first."""
    stored: dict[Passes, Selected] = {}
    for one in selected:
        stored.setdefault(_passes(one.ops, same_as), one)
    return tuple(stored.values())


def other_names(
    traced: Trace, stored: Sequence[Selected], same_as: Sequence[int]
) -> dict[str, tuple[str, ...]]:
    """Return for each stored layer the other labels and addresses that have its passes."""
    by_pass: dict[tuple[int, int], list[tuple[str, frozenset[tuple[int, int]]]]] = {}
    for name, ops in _every_name(traced):
        passes = _passes(ops, same_as)
        for one in passes:
            by_pass.setdefault(one, []).append((name, frozenset(passes)))
    found: dict[str, tuple[str, ...]] = {}
    for layer in stored:
        wanted = _passes(layer.ops, same_as)
        others = (name for name, passes in by_pass.get(wanted[0], ()) if passes.issuperset(wanted))
        found[layer.name] = tuple(name for name in dict.fromkeys(others) if name != layer.name)
    return found


def alias_attrs(names: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Return the attribute that holds a layer's other names, by layer: a JSON list."""
    return {
        layer: {ALIASES: json.dumps(list(others), ensure_ascii=False)} if others else {}
        for layer, others in names.items()
    }


def _every_name(traced: Trace) -> Iterable[tuple[str, tuple[tuple[int, int], ...]]]:
    """Yield every address with one output per call, then every label, with its (pass, Op)."""
    calls: dict[str, list[tuple[int, int]]] = {}
    for call in traced.module_calls:
        if call.address and len(call.outputs) == 1:
            calls.setdefault(call.address, []).append((call.number, call.outputs[0]))
    for address, ops in calls.items():
        yield address, tuple(ops)
    for layer in traced.layers:
        yield layer.label, tuple(enumerate(layer.ops, start=1))


def _passes(ops: Iterable[tuple[int, int]], same_as: Sequence[int]) -> Passes:
    return tuple((number, same_as[op]) for number, op in ops)


def _passes_on(op: Op, parent: Op) -> bool:
    if op.kind != "call" or op.shape != parent.shape or op.dtype != parent.dtype:
        return False
    if op.function is None:  # a module that returned its own input
        return op.name == "identity"
    return op.name in _COPIES or (op.name in _DROPOUTS and not _drops(op))


def _drops(op: Op) -> bool:
    """Say whether a dropout was called for training, which is its third argument."""
    training = op.kwargs.get("training", op.kwargs.get("train"))
    if training is None:
        training = op.args[2] if len(op.args) > 2 else True
    return training is not False
