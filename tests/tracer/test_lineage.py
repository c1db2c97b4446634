"""Where a tensor came from, and values that outlive their memory."""

from __future__ import annotations

import torch

from lens_pipeline.tracer.lineage import Lineage
from lens_pipeline.tracer.records import ConstantRef, OpRef, StateRef


def test_state_op_and_constant_are_told_apart() -> None:
    """A tensor is a parameter, the output of an op, or neither."""
    weight, made, foreign = torch.ones(1), torch.ones(1), torch.ones(1)
    lineage = Lineage({"fc.weight": weight}, {})
    lineage.made(made, 3)
    assert lineage.refer(weight) == StateRef("fc.weight")
    assert lineage.refer(made) == OpRef(3)
    assert isinstance(lineage.refer(foreign), ConstantRef)


def test_new_tensor_at_an_old_address_is_not_the_old_one() -> None:
    """When a tensor dies, whoever gets its id is unknown."""
    lineage = Lineage({}, {})
    for _ in range(1000):
        tensor = torch.empty(1)
        assert isinstance(lineage.refer(tensor), ConstantRef)
        lineage.made(tensor, 1)
        del tensor


def test_write_concerns_only_memory_that_overlaps() -> None:
    """A write to the first half has readers of the base and not of the second half."""
    lineage = Lineage({}, {})
    base = torch.zeros(4)
    first, second = base[:2], base[2:]
    for op, tensor in enumerate((base, first, second)):
        lineage.made(tensor, op)
    lineage.wrote(first, 3)
    assert lineage.refer(base) == OpRef(0, (3,))
    assert lineage.refer(first) == OpRef(3)
    assert lineage.refer(second) == OpRef(2)
    later = base * 1
    lineage.made(later, 4)
    assert lineage.refer(later) == OpRef(4)


def test_views_of_another_type_overlap_where_their_bytes_meet() -> None:
    """A write to the bytes of the third number has the base as a reader, and not the first half."""
    lineage = Lineage({}, {})
    base = torch.zeros(4)
    half, third = base[:2], base.view(torch.uint8)[8:12]
    for op, tensor in enumerate((base, half, third)):
        lineage.made(tensor, op)
    lineage.wrote(third, 3)
    assert lineage.refer(base) == OpRef(0, (3,))
    assert lineage.refer(half) == OpRef(1)


def test_interleaved_columns_do_not_overlap() -> None:
    """Two halves of the columns meet in memory and share nothing."""
    lineage = Lineage({}, {})
    left, right = torch.zeros(3, 4).chunk(2, dim=1)
    lineage.made(left, 0)
    lineage.made(right, 1)
    lineage.wrote(left, 2)
    assert lineage.refer(right) == OpRef(1)
    assert lineage.refer(left) == OpRef(2)


def test_state_keeps_its_address_through_writes_and_not_through_calls_that_return_it() -> None:
    """A buffer that was written to is still the buffer; one that a call returned is its output."""
    buffer, state = torch.zeros(2), StateRef("state", buffer=True)
    lineage = Lineage({}, {"state": buffer})
    assert lineage.state(buffer, lineage.refer(buffer)) == state
    lineage.wrote(buffer, 1)
    assert lineage.refer(buffer) == OpRef(1)
    assert lineage.state(buffer, lineage.refer(buffer)) == state
    lineage.made(buffer, 2)
    assert lineage.state(buffer, lineage.refer(buffer)) is None
