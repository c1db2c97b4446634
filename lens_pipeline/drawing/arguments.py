"""As which argument each tensor comes into an Op, and whether their order matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lens_pipeline.tracer.records import OpRef, StateRef

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from lens_pipeline.columns import Overview
    from lens_pipeline.tracer.records import Op

# Layer types whose first two arguments can be exchanged.
COMMUTATIVE = frozenset(
    {
        *("add", "iadd", "radd", "mul", "imul", "rmul", "multiply", "eq", "ne", "maximum"),
        *("minimum", "fmax", "fmin", "and", "or", "xor", "iand", "ior", "ixor", "logicaland"),
        *("logicalor", "logicalxor", "bitwiseand", "bitwiseor", "bitwisexor", "dot", "equal"),
        *("allclose", "isclose", "hypot", "logaddexp", "logaddexp2"),
    }
)

# an Op by its index, or a buffer by its address
Source = int | str


def ordered_arguments(o: Overview, op: Op, buffers: Container[str]) -> dict[Source, list[str]]:
    """Return the names of the arguments as which each tensor that is drawn comes in.

    `buffers` are the addresses of those that are drawn. Nothing where there is one tensor, or where
    their order says nothing.
    """
    if op.kind != "call" or not (op.parents or op.buffers):
        return {}
    found: dict[Source, list[str]] = {}
    for name, value in _holding_tensors(o.named_arguments[op.index]):
        if isinstance(value, StateRef) and not (
            value.address in op.buffers and value.address in buffers
        ):
            continue
        for source in _sources(value):
            names = found.setdefault(source, [])
            if name not in names:
                names.append(name)
    n_tensors = sum(map(len, found.values()))
    return {} if n_tensors < 2 or _commutes(o, op) else found


def _commutes(o: Overview, op: Op) -> bool:
    scaled = op.kwargs.get("alpha", 1) != 1 or len(op.args) > 2
    return o.trace.layers[op.layer].type in COMMUTATIVE and not scaled


def _holding_tensors(named: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each tensor with its argument's name; in the one list that holds any, its position."""
    lists = [name for name, value in named.items() if isinstance(value, tuple | list)]
    alone = len(lists) == 1 and not any(isinstance(v, OpRef | StateRef) for v in named.values())
    for name, value in named.items():
        yield from _flat("" if alone and name in lists else name, value)


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, OpRef | StateRef):
        yield name, value
    elif isinstance(value, tuple | list):
        for position, item in enumerate(value):
            yield from _flat(f"{name}[{position}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{name}[{key}]", item)
    elif isinstance(value, slice):
        for end in ("start", "stop", "step"):
            yield from _flat(f"{name} {end}", getattr(value, end))


def _sources(ref: OpRef | StateRef) -> Iterator[Source]:
    yield ref.op if isinstance(ref, OpRef) else ref.address
    yield from ref.writers
