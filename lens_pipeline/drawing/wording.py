"""What stands in a box, line by line, and in the title of a frame or of the picture."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

from lens_pipeline.drawing.places import call_name
from lens_pipeline.tracer.wording import counted, human_bytes, listed, torch_name, total_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lens_pipeline.columns import Overview
    from lens_pipeline.drawing.places import View
    from lens_pipeline.tracer.records import ModuleCall, Op, Parameter

# Different shapes of one layer's passes that are told one by one.
_MOST_SHAPES = 4
# Letters of a line.
_WIDTH = 44


def op_lines(o: Overview, ops: Sequence[Op], address: str, tests: Iterable[str]) -> Iterator[str]:
    """Yield what is said of an Op, or of the passes of a layer, below its title."""
    op = ops[0]
    yield from sizes(ops)
    n_outputs = o.call_sizes[op.call]
    if op.output_index is not None and n_outputs > 1:
        yield f"output {op.output_index + 1} of {n_outputs}"
    if op.in_place:
        yield "in place"
    addresses = dict.fromkeys(address for each in ops for address in each.parameters)
    if addresses:
        parameters = dict.fromkeys(o.parameters[address] for address in addresses)
        yield from _wrapped("params: " + listed([parameter(one) for one in parameters], most=8))
    if address:
        yield f"@{address}"
    yield from tests


def module_lines(o: Overview, ops: Sequence[Op], calls: Sequence[ModuleCall]) -> Iterator[str]:
    """Yield what is said of a module that is drawn as one box, below its address."""
    yield calls[0].class_name
    drawn = {op.index for op in ops}
    returned = [op for call in calls for op in call.outputs if op in drawn]
    yield from sizes([o.trace.ops[op] for op in returned] or ops[-1:])
    n_layers = counted(len({op.layer for op in ops}), "layer")
    parameters = used(o, ops)
    weights = f", {counted(len(parameters), 'parameter')} ({total_bytes(parameters)})"
    yield n_layers + (weights if parameters else "")


def used(o: Overview, ops: Iterable[Op]) -> list[Parameter]:
    """Return the parameters that Ops read, each once."""
    addresses = dict.fromkeys(address for op in ops for address in op.parameters)
    return list(dict.fromkeys(o.parameters[address] for address in addresses))


def sizes(ops: Sequence[Op]) -> list[str]:
    """Return shape, element type and bytes, once for each that occurs."""
    texts = list(dict.fromkeys(map(size, ops)))
    if len(texts) <= _MOST_SHAPES:
        return texts
    return [*texts[: _MOST_SHAPES - 1], f"and {len(texts) - _MOST_SHAPES + 1} other shapes"]


def size(op: Op) -> str:
    """Return shape, element type where it is not float32, and bytes of an Op's output."""
    shape = "x".join(map(str, op.shape)) or "scalar"
    dtype = torch_name(op.dtype)
    return f"{shape}{'' if dtype == 'float32' else ' ' + dtype} ({human_bytes(op.nbytes)})"


def times(visits: Sequence[object]) -> str:
    """Return how often something was visited, where that is not once."""
    return f" (x{len(visits)})" if len(visits) > 1 else ""


def frame_title(o: Overview, view: View, calls: Sequence[ModuleCall], *, around: str) -> str:
    """Return address, as seen from the module `around`, class and the number of calls drawn.

    It is short, since edges cross it.
    """
    name = call_name(o, calls[0], view).removeprefix(f"{around}." if around else "")
    return f"{name} ({calls[0].class_name}){times(calls) if view.rolled else ''}"


def picture_title(o: Overview, view: View) -> str:
    """Return what is drawn, and how much that is."""
    trace = o.trace
    if not view.module:
        n_layers = counted(len(trace.layers), "layer")
        return f"{trace.model_name}: {n_layers}, {counted(len(trace.ops), 'operation')}"
    calls = [call for call in o.calls_of[view.module] if view.call in (None, call.number)]
    name = view.module if view.call is None else f"{view.module}:{view.call}"
    ops = list(o.ops_in(calls))
    n_layers = counted(len({op.layer for op in ops}), "layer")
    return f"{name} of {trace.model_name}: {n_layers}, {counted(len(ops), 'operation')}"


def ranges(numbers: Iterable[int]) -> str:
    """Write numbers as ranges.

    >>> ranges([3, 1, 2, 5])
    '1-3,5'
    """
    runs = []
    ordered = sorted(set(numbers))
    for _, run in itertools.groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append(f"{members[0]}-{members[-1]}" if len(members) > 1 else f"{members[0]}")
    return ",".join(runs)


def _wrapped(text: str) -> list[str]:
    """Break a list into lines, between its items alone."""
    whole = text.replace(" (", "\0(").replace(" [", "\0[")
    return [line.replace("\0", " ") for line in textwrap.wrap(whole, _WIDTH)]


def parameter(one: Parameter) -> str:
    """Write a name and shape, in square brackets where it is frozen."""
    sides = "x".join(map(str, one.shape)) or "1"
    name = one.addresses[0].rpartition(".")[2]
    return f"{name} ({sides})" if one.trainable else f"{name} [{sides}]"
