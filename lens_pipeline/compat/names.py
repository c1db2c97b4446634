"""How a history's layers are asked for: names, ordinals, parts of names.

A layer goes by its label, full or short (`conv2d_3_7`, `conv2d_3`), with or without its pass
(`conv2d_3_7:1`), by the address of a module whose output it is (`features.6`, `features.6:1`), and
by its place in `layer_list` (7, -17). One name must lead to one operation; a part of a name may
choose several, where layers are chosen to be saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.errors import SelectorError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lens_pipeline.tracer.trace import Trace

Names = dict[str, tuple[int, ...]]


def all_names(trace: Trace, among: Sequence[int]) -> Names:
    """Return every name with the Ops of `among` that it leads to; labels win over addresses."""
    there = frozenset(among)
    modules: Names = {}
    for call in trace.module_calls:
        ops = tuple(op for op in call.outputs if op in there)
        if call.address and ops:
            modules[call.address] = tuple(dict.fromkeys((*modules.get(call.address, ()), *ops)))
            modules[f"{call.address}:{call.number}"] = ops
    labels: Names = {}
    for layer in trace.layers:
        passes = {n: op for n, op in enumerate(layer.ops, start=1) if op in there}
        for name in (layer.label, layer.label.rpartition("_")[0]) if passes else ():
            labels[name] = tuple(passes.values())
            labels.update({f"{name}:{n}": (op,) for n, op in passes.items()})
    return {**modules, **labels}


def find(names: Names, among: Sequence[int], key: str | int) -> int:
    """Return the one Op that `key` leads to; raise SelectorError with the candidates otherwise."""
    if isinstance(key, int):
        return _at(among, key)
    ops = names.get(key)
    if ops is None:
        parts = _containing(names, key)
        if len(set(parts.values())) != 1:
            problem = f"is part of {len(parts)} names" if parts else "names no layer"
            raise SelectorError(
                f"{key!r} {problem} of this history; {nearest(key, parts or names)}."
            )
        ops = next(iter(parts.values()))
    if len(ops) > 1:
        one_each = [name for name, one in names.items() if len(one) == 1 and one[0] in ops]
        shown = ", ".join(name for name in one_each if name.startswith(key)) or one_each[0]
        raise SelectorError(f"{key!r} leads to {len(ops)} operations; say which: {shown}.")
    return ops[0]


def choose(names: Names, among: Sequence[int], wanted: Sequence[str | int]) -> frozenset[int]:
    """Return the Ops chosen by `wanted`; a part of names takes everything that has it.

    Raises SelectorError for an entry that chooses nothing.
    """
    chosen: set[int] = set()
    for key in wanted:
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise SelectorError(f"layers_to_save takes names and ordinals, not {key!r}.")
        if isinstance(key, int):
            chosen.add(_at(among, key))
            continue
        found = {key: names[key]} if key in names else _containing(names, key)
        if not found:
            raise SelectorError(
                f"layers_to_save names {key!r}, which is part of no layer's name; "
                f"{nearest(key, names)}."
            )
        chosen.update(op for ops in found.values() for op in ops)
    return frozenset(chosen)


def _containing(names: Names, part: str) -> Mapping[str, tuple[int, ...]]:
    low = part.lower()
    return {name: ops for name, ops in names.items() if low and low in name.lower()}


def _at(among: Sequence[int], ordinal: int) -> int:
    if -len(among) <= ordinal < len(among):
        return among[ordinal]
    raise SelectorError(
        f"There is no layer number {ordinal}; allowed are 0 to {len(among) - 1}, "
        f"or -1 to -{len(among)}."
    )
