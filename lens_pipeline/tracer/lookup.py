"""Names for Ops: everything by which one can be asked for.

A *place* is something with passes: a layer, an output of a module (its passes are the calls), an
input or output of the model, or a parameter (its passes are the Ops that read it). Its name is the
layer's label (`conv2d_3_7`, or short, `conv2d_3`), the module's address (`features.6`; `pool@1` for
the second of several tensors), the place in the inputs or outputs (`input.x`), the parameter's
address (`features.6.weight`), or the number of the layer (7, -17). `:2` after any of them is the
second pass, `:-1` the last.

A key is taken as it stands, else in any case, else as a part of names. A full label comes first; a
short label and an address that mean different Ops are an error; inputs and parameters come last.
What does not lead to one place is an error with the candidates, never a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import SelectorError, nearest
from lens_pipeline.tracer.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lens_pipeline.tracer.records import Op

_PASS = re.compile(r"(?P<name>.+):(?P<number>-?\d+)")


@dataclass(frozen=True, slots=True)
class Place:
    """Something with passes, one Op each."""

    # a name that leads here
    name: str
    # the number of each pass, ascending
    numbers: Sequence[int]
    # index into Trace.ops of each pass
    ops: tuple[int, ...]


@dataclass(frozen=True)
class Directory:
    """Every name in one Trace."""

    model_name: str
    n_ops: int
    # by the layer's number
    layers: tuple[Place, ...]
    # several where a module returns several tensors, or a short label is also an address
    names: dict[str, list[Place]]
    # modules and parameters of the model, with what they are; some lead to no Op
    state: dict[str, str]


def directory(trace: Any) -> Directory:
    """Return every name in `trace`; linear in its Ops."""
    layers = tuple(
        Place(layer.label, range(1, len(layer.ops) + 1), layer.ops) for layer in trace.layers
    )
    names: dict[str, list[Place]] = {}
    for place in layers:
        names[place.name] = names[place.name.rpartition("_")[0]] = [place]
    labels = {place.name for place in layers}
    for name, place in _module_places(trace):
        if name not in labels:
            names[name] = [*names.get(name, ()), place]
    for place in (*_end_places(trace), *_parameter_places(trace)):
        names.setdefault(place.name, [place])
    parameters = {address: "parameter" for one in trace.parameters for address in one.addresses}
    modules = {address: class_name for address, class_name in trace.modules if address}
    state = {**parameters, **modules}
    return Directory(trace.model_name, len(trace.ops), layers, names, state)


def find_op(book: Directory, key: str | int) -> int:
    """Return the index of the one Op that `key` names.

    Raises SelectorError where it names none, or several; a layer or module with several passes
    needs its pass.
    """
    place = find_place(book, key)
    if len(place.ops) == 1:
        return place.ops[0]
    raise SelectorError(
        f"{key!r} has {len(place.ops)} passes in {_whose(book)}; say which: "
        f"{_some(_passes(place))}."
    )


def find_place(book: Directory, key: str | int) -> Place:
    """Return the one place that `key` names, with that pass alone where the key has one."""
    word, number = (key, None) if isinstance(key, int) else _split(book, key)
    places = _places(book, word)
    there = [
        passes
        for place in places
        if (passes := place if number is None else _one_pass(place, number))
    ]
    distinct: dict[tuple[int, ...], Place] = {}
    for place in there:
        distinct.setdefault(place.ops, place)
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    if not distinct:
        raise SelectorError(
            f"{key!r} asks for a pass that is not there in {_whose(book)}; write one of: "
            f"{_some(_passes(places[0]))}."
        )
    names = [name for place in distinct.values() for name in _clear_names(book, place)]
    raise SelectorError(
        f"{key!r} may mean {len(distinct)} things in {_whose(book)}; write one of: {_some(names)}."
    )


def keys_of(book: Directory, op: Op) -> list[str | int]:
    """Return every key that leads to this Op alone: numbers, then names in full."""
    ordinals = (op.layer, op.layer - len(book.layers))
    several = len(book.layers[op.layer].ops) > 1
    keys = [f"{number}:{op.pass_number}" if several else number for number in ordinals]
    for name, places in book.names.items():
        for place in places:
            if op.index in place.ops:
                number = place.numbers[place.ops.index(op.index)]
                passed = len(place.ops) > 1 or name not in (op.name, *op.parameters)
                keys += [name, f"{name}:{number}"] if passed else [name]
    return [key for key in dict.fromkeys(keys) if _leads_to(book, key) == op.index]


def _module_places(trace: Any) -> Iterator[tuple[str, Place]]:
    """Yield the outputs of modules by name; a plain address stands for all of them."""
    calls: dict[str, list[Any]] = {}
    for call in trace.module_calls:
        if call.address and call.outputs:
            calls.setdefault(call.address, []).append(call)
    for address, made in calls.items():
        width = max(len(call.outputs) for call in made)
        for slot in range(width):
            there = [call for call in made if slot < len(call.outputs)]
            numbers = tuple(call.number for call in there)
            ops = tuple(call.outputs[slot] for call in there)
            name = f"{address}@{slot}" if width > 1 else address
            yield address, Place(name, numbers, ops)
            if width > 1:
                yield name, Place(name, numbers, ops)


def _end_places(trace: Any) -> Iterator[Place]:
    for op in trace.ops:
        if op.kind != "call":
            yield Place(op.name, (1,), (op.index,))


def _parameter_places(trace: Any) -> Iterator[Place]:
    readers: dict[str, list[int]] = {}
    for op in trace.ops:
        for address in op.parameters:
            readers.setdefault(address, []).append(op.index)
    for parameter in trace.parameters:
        ops = tuple(readers.get(parameter.addresses[0], ()))
        for address in parameter.addresses if ops else ():
            yield Place(address, range(1, len(ops) + 1), ops)


def _split(book: Directory, key: str) -> tuple[str, int | None]:
    match = None if key in book.names else _PASS.fullmatch(key)
    return (match["name"], int(match["number"])) if match else (key, None)


def _one_pass(place: Place, number: int) -> Place | None:
    if number < 0:
        number = place.numbers[number] if -number <= len(place.numbers) else 0
    if number not in place.numbers:
        return None
    op = place.ops[place.numbers.index(number)]
    return Place(f"{place.name}:{number}", (number,), (op,))


def _places(book: Directory, word: str | int) -> Sequence[Place]:
    """Return what a key without its pass may mean."""
    if isinstance(word, int):
        return [_numbered(book, word)]
    if word in book.names:
        return book.names[word]
    if word.removeprefix("-").isdecimal():
        return [_numbered(book, int(word))]
    if word in book.state:
        raise _without_op(book, word)
    low = word.lower()
    same = [name for name in book.names if name.lower() == low]
    found = same or [name for name in book.names if low and low in name.lower()]
    if not found:
        raise SelectorError(
            f"{word!r} names nothing in {_whose(book)}; {nearest(word, book.names)}."
        )
    return [place for name in found for place in book.names[name]]


def _numbered(book: Directory, number: int) -> Place:
    count = len(book.layers)
    if -count <= number < count:
        return book.layers[number]
    raise SelectorError(
        f"{book.model_name} has no layer number {number}; its layers are 0 to {count - 1}, "
        f"or -1 to -{count}."
    )


def _without_op(book: Directory, word: str) -> SelectorError:
    why = "nothing read" if book.state[word] == "parameter" else "was not called or gave no tensor"
    inside = [name for name in book.names if name.startswith(f"{word}.")]
    ask = f"inside it: {_some(inside)}" if inside else nearest(word, book.names)
    return SelectorError(f"{word!r} is a {book.state[word]} that {why} in {_whose(book)}; {ask}.")


def _clear_names(book: Directory, place: Place) -> list[str]:
    """Return what leads to `place` whatever else has its name."""
    name, _ = _split(book, place.name)
    if len(book.names[name]) == 1:
        return [place.name]
    return [
        layer.name if len(layer.ops) == 1 else f"{layer.name}:{layer.ops.index(op) + 1}"
        for op in place.ops
        for layer in book.layers
        if op in layer.ops
    ]


def _leads_to(book: Directory, key: str | int) -> int | None:
    try:
        return find_op(book, key)
    except SelectorError:
        return None


def _passes(place: Place) -> list[str]:
    return [f"{place.name}:{number}" for number in place.numbers]


def _whose(book: Directory) -> str:
    return f"the trace of {book.model_name} ({book.n_ops} ops)"


def _some(names: Sequence[str]) -> str:
    return listed(names, most=6)
