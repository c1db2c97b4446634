"""Selectors applied to a Trace: which Op is meant by which name and pass.

A *target* is something that can be named: a layer by its label, or a module by its address, whose
passes are its calls. A module that returns several tensors is one target per tensor, `addr@0`,
`addr@1`, ...; its plain address means them all.

A plain word is a full label, a short label (`conv2d_3` for `conv2d_3_7`), an address, or a number
(layers counted from 0, negative from the end), in this order; a label and an address that mean
different operations are an error. A glob is matched, case and all, against full labels and
addresses; its `*` crosses dots, so `layer1*` is everything inside layer1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lens_pipeline.errors import SelectorError, nearest
from lens_pipeline.selectors.parsing import PassRange, Selector, selector_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lens_pipeline.tracer.trace import Trace


@dataclass(frozen=True)
class Selected:
    """One name and the Ops kept under it."""

    # a layer's label or a module's address
    name: str
    # (pass, index into Trace.ops), by pass
    ops: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Target:
    name: str
    # pass -> index into Trace.ops
    passes: dict[int, int]


@dataclass(frozen=True)
class _Catalogue:
    trace: Trace
    # by full label, inputs and outputs included
    layers: dict[str, _Target]
    # by address, outermost first; several where a module returns several tensors
    modules: dict[str, tuple[_Target, ...]]


def select(trace: Trace, selectors: Sequence[Selector]) -> tuple[Selected, ...]:
    """Return what the selectors choose, in execution order, each Op once.

    An Op that two names choose stays with the name that comes first: by selector, and inside a glob
    modules before layers and outer modules before inner ones. Raises SelectorError for a selector
    that matches nothing, and for a pass that is not there; a glob takes the passes that are there
    and fails only when none is.
    """
    catalogue = _catalogue(trace)
    names: dict[int, tuple[str, int]] = {}
    for selector in selectors:
        for name, number, op in _chosen(catalogue, selector):
            names.setdefault(op, (name, number))
    kept: dict[str, list[tuple[int, int]]] = {}
    for op, (name, number) in sorted(names.items()):
        kept.setdefault(name, []).append((number, op))
    return tuple(Selected(name, tuple(sorted(ops))) for name, ops in kept.items())


def _catalogue(trace: Trace) -> _Catalogue:
    layers = {
        layer.label: _Target(layer.label, dict(enumerate(layer.ops, start=1)))
        for layer in trace.layers
    }
    outputs: dict[str, dict[int, tuple[int, ...]]] = {}
    for call in trace.module_calls:
        if call.address and call.outputs:
            outputs.setdefault(call.address, {})[call.number] = call.outputs
    modules = {address: _module_targets(address, calls) for address, calls in outputs.items()}
    return _Catalogue(trace, layers, modules)


def _module_targets(address: str, calls: dict[int, tuple[int, ...]]) -> tuple[_Target, ...]:
    """Return one target per output tensor; `calls` holds the output Ops by call number."""
    width = max(map(len, calls.values()))
    return tuple(
        _Target(
            f"{address}@{place}" if width > 1 else address,
            {number: ops[place] for number, ops in calls.items() if place < len(ops)},
        )
        for place in range(width)
    )


def _chosen(catalogue: _Catalogue, selector: Selector) -> Iterator[tuple[str, int, int]]:
    """Yield (name, pass, op) for everything that one selector chooses."""
    several = selector.pattern == "all" or any(sign in selector.pattern for sign in "*?[")
    targets = _matches(catalogue, selector) if several else _named(catalogue, selector)
    found = False
    for target in targets:
        numbers = _numbers(selector.passes, sorted(target.passes))
        if not several and not set(numbers) <= set(target.passes):
            raise _no_such_pass(selector, [target])
        for number in target.passes.keys() & set(numbers):
            found = True
            yield target.name, number, target.passes[number]
    if not found:
        raise _no_such_pass(selector, targets)


def _matches(catalogue: _Catalogue, selector: Selector) -> list[_Target]:
    """Return the modules, then the layers that a glob or `all` matches; all are layers only."""
    layers = [
        catalogue.layers[layer.label]
        for layer in catalogue.trace.layers
        if catalogue.trace.ops[layer.ops[0]].kind == "call"
    ]
    if selector.pattern == "all":
        return layers
    modules = [target for targets in catalogue.modules.values() for target in targets]
    found = [target for target in modules + layers if fnmatchcase(target.name, selector.pattern)]
    if not found:
        raise _no_match(catalogue, selector)
    return found


def _named(catalogue: _Catalogue, selector: Selector) -> Sequence[_Target]:
    """Return the targets that a plain word names."""
    word = selector.pattern
    address, _, place = word.partition("@")
    modules = catalogue.modules.get(address, ())
    if place:
        modules = tuple(target for target in modules if target.name == word)
    layer = _labelled(catalogue, word)
    if layer and modules and _ops([layer]) != _ops(modules):
        raise SelectorError(
            f"{word!r} is the short label of layer {layer.name} and the address of another "
            f"module; write {layer.name} for the layer, or ?{word[1:]} for the module."
        )
    if layer:
        return [layer]
    if modules:
        return modules
    if word.removeprefix("-").isdecimal():
        return [_numbered(catalogue, word)]
    raise _no_match(catalogue, selector)


def _labelled(catalogue: _Catalogue, word: str) -> _Target | None:
    if word in catalogue.layers:
        return catalogue.layers[word]
    short = (label for label in catalogue.layers if label.rpartition("_")[0] == word)
    return catalogue.layers.get(next(short, ""))


def _numbered(catalogue: _Catalogue, word: str) -> _Target:
    labels = list(catalogue.layers)
    number, count = int(word), len(labels)
    if not -count <= number < count:
        raise SelectorError(
            f"{_model(catalogue)} has no layer number {number}; its layers are 0 to {count - 1}, "
            f"or -1 to -{count}."
        )
    return catalogue.layers[labels[number]]


def _numbers(passes: PassRange | None, there: Sequence[int]) -> list[int]:
    """Return the pass numbers asked for, of a target whose passes are `there`."""
    if passes is None:
        return list(there)
    if passes.first < 0:
        return [there[passes.first]] if -passes.first <= len(there) else [passes.first]
    return list(range(passes.first, passes.last + 1))


def _ops(targets: Iterable[_Target]) -> set[int]:
    return {op for target in targets for op in target.passes.values()}


def _no_such_pass(selector: Selector, targets: Sequence[_Target]) -> SelectorError:
    most = max(targets, key=lambda target: len(target.passes))
    numbers = sorted(most.passes)
    there, choice = "1 pass", str(numbers[0])
    if len(numbers) > 1:
        there, choice = f"{len(numbers)} passes", f"from {numbers[0]} to {numbers[-1]}"
    return SelectorError(
        f"Selector {selector_text(selector)!r} asks for a pass that is not there; "
        f"{most.name} has {there}: choose {choice}, or -1 for the last."
    )


def _no_match(catalogue: _Catalogue, selector: Selector) -> SelectorError:
    text, pattern = selector_text(selector), selector.pattern
    modules = dict(catalogue.trace.modules)
    if pattern in modules:
        return SelectorError(
            f"Selector {text!r} names a {modules[pattern]} of {_model(catalogue)} that was not "
            "called, or returned no tensor, in this forward pass; choose what it is made of."
        )
    names = [target.name for targets in catalogue.modules.values() for target in targets]
    choices = [*catalogue.modules, *names, *catalogue.layers]
    return SelectorError(
        f"Selector {text!r} matched nothing in {_model(catalogue)}; {nearest(pattern, choices)}."
    )


def _model(catalogue: _Catalogue) -> str:
    return f"{catalogue.trace.model_name} ({len(catalogue.trace.ops)} ops)"
