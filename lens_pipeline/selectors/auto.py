"""Layers for a model without a preset: the outputs of its main blocks.

The rule reads the tree of module calls of one trace.

Blocks. At depth d, every module with weights is opened d times, and what cannot be opened any more
is a block. Of a plain sequence, a block is a module with weights and the normalisation, activation
and pooling after it; its output is that of the last of these. Dropout, flattening, and whatever
keeps or enlarges a pooled map add nothing. A pooling after a module that could have been opened,
and a pooling to a fixed size, are blocks of their own.

Stages. Blocks side by side with as many rows and columns form a stage, of which the last counts; it
begins at a block that reduces them itself (a stride) and ends at a pooling.

Choice. The first depth that gives at least five and at most eight blocks is taken, or else
stages; ResNet gives layer1 to layer4 so, VGG its five poolings. If no depth does, the first that
gives too many is thinned: of its longest run of equal blocks (a transformer's), evenly spaced ones
are kept, the last among them. A smaller model gives all its blocks.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.tracer.records import ModuleCall, Op
    from lens_pipeline.tracer.trace import Trace

T = TypeVar("T")

_FEWEST = 5
_MOST = 8
_NOTHING_ADDED = ("Drop", "Identity", "StochasticDepth")


@dataclass(frozen=True)
class _Module:
    """A module that was called and what it returned the last time."""

    address: str
    class_name: str
    # it, or something in it, read a parameter
    weighted: bool
    # how it is selected: its address, with @0 where it returned several tensors
    name: str
    shape: tuple[int, ...]
    # names of the functions that ran in it
    functions: frozenset[str]
    children: tuple[_Module, ...]


@dataclass(frozen=True)
class _Block:
    """A module whose output may be kept, with what follows it in a plain sequence."""

    name: str
    class_name: str
    # address of the module that it was found in
    parent: str
    shape: tuple[int, ...]
    # rows times columns before its own pooling, and in the end; None without rows and columns
    entry: int | None
    exit: int | None
    # what follows may still belong to it
    open: bool
    # it ends with a pooling
    pooled: bool = False
    # it is a pooling to a fixed size
    fixed: bool = False


def auto_layers(trace: Trace) -> tuple[str, ...]:
    """Return selectors of the outputs of the model's main blocks, in execution order.

    The first axis of every output is taken to be the stimuli. A model that calls no module with
    weights gets layers of its own operations, evenly spaced.
    """
    blocks = _choose(_tree(trace))
    if blocks:
        return tuple(block.name for block in blocks)
    calls = [layer.label for layer in trace.layers if trace.ops[layer.ops[0]].kind == "call"]
    return tuple(_evenly(calls, _MOST))


def _choose(root: _Module) -> list[_Block]:
    blocks: list[_Block] = []
    for depth in range(1, _height(root) + 1):
        blocks = _blocks(root, depth)
        stages = _stages(blocks)
        for choice in (blocks, stages):
            if _FEWEST <= len(choice) <= _MOST:
                return choice
        if len(stages) > _MOST:
            return _thinned(stages)
    return _thinned(blocks) if blocks else []


def _blocks(module: _Module, depth: int) -> list[_Block]:
    """Return the blocks of a module that is opened `depth` times, in the order of their calls."""
    found: list[_Block] = []
    for child in module.children:
        if _can_open(child):
            found += _opened(child, module, depth - 1)
        elif not child.weighted or "Norm" in child.class_name:
            found[-1:] = _followed(found[-1], child) if found else []
        else:
            found.append(_block(child, module, open_=True))
    return found


def _opened(module: _Module, parent: _Module, depth: int) -> list[_Block]:
    inner = _blocks(module, depth) if depth else []
    if len(inner) > 1:
        return [dataclasses.replace(block, open=False) for block in inner]
    return [_block(module, parent, open_=False)]


def _followed(block: _Block, module: _Module) -> list[_Block]:
    """Return a block, and perhaps one more, after a module that belongs to what came before."""
    positions = _positions(module)
    if block.exit and positions and positions < block.exit:
        fixed = any("adaptive" in function for function in module.functions)
        if block.open and not fixed:
            return [_ended_by(block, module, positions)]
        alone = dataclasses.replace(block, class_name=module.class_name, entry=block.exit)
        pooling = _ended_by(alone, module, positions)
        return [block, dataclasses.replace(pooling, open=False, fixed=fixed)]
    adds = not any(word in module.class_name for word in _NOTHING_ADDED)
    if block.open and adds and module.shape == block.shape:
        return [dataclasses.replace(block, name=module.name)]
    return [block]


def _ended_by(block: _Block, pooling: _Module, positions: int) -> _Block:
    return dataclasses.replace(
        block, name=pooling.name, shape=pooling.shape, exit=positions, pooled=True
    )


def _stages(blocks: Sequence[_Block]) -> list[_Block]:
    """Return the last block of each stage."""
    following = itertools.zip_longest(blocks, blocks[1:])
    return [block for block, after in following if after is None or not _same_stage(block, after)]


def _same_stage(block: _Block, after: _Block) -> bool:
    return (
        block.parent == after.parent
        and block.exit is not None
        and block.exit == after.entry
        and not block.pooled
        and not after.fixed
    )


def _thinned(blocks: Sequence[_Block]) -> list[_Block]:
    """Keep `_MOST` blocks: evenly spaced ones of the longest run of equals, and all others."""
    runs = [list(run) for _, run in itertools.groupby(blocks, lambda b: (b.parent, b.class_name))]
    longest = max(runs, key=len)
    room = _MOST - (len(blocks) - len(longest))
    if room < 2:
        return _evenly(blocks, _MOST)
    kept = {block.name for block in _evenly(longest, room)}
    return [block for block in blocks if block not in longest or block.name in kept]


def _evenly(items: Sequence[T], count: int) -> list[T]:
    """Return `count` evenly spaced items, the last among them; all where there are fewer."""
    if len(items) <= count:
        return list(items)
    return [items[math.ceil((place + 1) * len(items) / count) - 1] for place in range(count)]


def _block(module: _Module, parent: _Module, *, open_: bool) -> _Block:
    positions = _positions(module)
    return _Block(
        name=module.name,
        class_name=module.class_name,
        parent=parent.address,
        shape=module.shape,
        entry=positions,
        exit=positions,
        open=open_,
    )


def _height(module: _Module) -> int:
    return 1 + max(map(_height, module.children), default=0)


def _can_open(module: _Module) -> bool:
    return any(child.weighted for child in module.children)


def _positions(module: _Module) -> int | None:
    """Return rows times columns of an output; 1 for a pooling that leaves a vector."""
    shape = module.shape
    if len(shape) == 4:
        return math.prod(shape[1:3] if shape[1] == shape[2] != shape[3] else shape[2:])
    if len(shape) > 4:
        return math.prod(shape[2:])
    pools = not module.weighted and any("pool" in function for function in module.functions)
    return 1 if pools else None


def _tree(trace: Trace) -> _Module:
    """Return the model's module with every called module in it, by address, in call order."""
    calls: dict[str, list[ModuleCall]] = {}
    inside: dict[str, list[str]] = {}
    for call in trace.module_calls:
        if call.outputs or not call.address:
            if call.address not in calls and call.parent is not None:
                inside.setdefault(trace.module_calls[call.parent].address, []).append(call.address)
            calls.setdefault(call.address, []).append(call)

    def module(address: str) -> _Module:
        last = calls[address][-1]
        ops: Sequence[Op] = trace.ops[last.first : last.last]
        return _Module(
            address=address,
            class_name=last.class_name,
            weighted=any(op.parameters for op in ops),
            name=f"{address}@0" if len(last.outputs) > 1 else address,
            shape=trace.ops[last.outputs[0]].shape if last.outputs else (),
            functions=frozenset(op.name for op in ops),
            children=tuple(module(child) for child in inside.get(address, ())),
        )

    return module("")
