"""Whatever is wrong in a trace is caught: a value, an edge, a label, a missing operation, ..."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.tracer.records import ConstantRef
from lens_pipeline.validation.checking import check
from tests import zoo

SMALL = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))


def replaced(traced, index, **changes):
    """The trace with other fields in one Op."""
    ops = list(traced.ops)
    ops[index] = dataclasses.replace(ops[index], **changes)
    return dataclasses.replace(traced, ops=tuple(ops))


def corrupt_value(traced):
    value = traced.ops[3].value.clone()
    value[0, 0] += 0.01
    return replaced(traced, 3, value=value)


def drop_parent(traced):
    return replaced(traced, 3, parents=())


def drop_edge_and_argument(traced):
    op = traced.ops[3]
    args = (ConstantRef(traced.ops[op.parents[0]].value.clone()), *op.args[1:])
    return replaced(traced, 3, parents=(), args=args)


def other_parent(traced):
    return replaced(traced, 5, args=traced.ops[2].args, parents=traced.ops[2].parents)


def swap_labels(traced):
    one, other = traced.ops[2].label, traced.ops[3].label
    return replaced(replaced(traced, 2, label=other), 3, label=one)


def swap_layers(traced):
    layers = list(traced.layers)
    one, other = layers[1], layers[2]
    layers[1] = dataclasses.replace(one, ops=other.ops)
    layers[2] = dataclasses.replace(other, ops=one.ops)
    return dataclasses.replace(traced, layers=tuple(layers))


def remove_op(traced):
    return dataclasses.replace(traced, ops=traced.ops[:3] + traced.ops[4:])


def skip_op(traced):
    last = len(traced.ops) - 1
    earlier = traced.ops[traced.ops[last].parents[0]]
    return replaced(traced, last, args=earlier.args[:1], parents=earlier.parents)


def wrong_pass(traced):
    return replaced(traced, 2, pass_number=2)


def wrong_parameters(traced):
    return replaced(traced, 1, parameters=("fc.weight",))


def wrong_argument(traced):
    return replaced(traced, 2, args=(traced.ops[2].args[0], 1.5))


def wrong_shape(traced):
    return replaced(traced, 2, shape=(1, 2))


def wrong_module(traced):
    return replaced(traced, 2, module_call=1)


def module_too_long(traced):
    calls = list(traced.module_calls)
    calls[1] = dataclasses.replace(calls[1], last=10**3)
    return dataclasses.replace(traced, module_calls=tuple(calls))


def incomplete(traced):
    return dataclasses.replace(traced, complete=False, gaps=("half of it ran elsewhere",))


CORRUPTIONS = {
    corrupt_value: "numbers differ",
    drop_parent: "but its arguments name",
    drop_edge_and_argument: "traced again on the same inputs the graph is another",
    other_parent: "run again it gives other values",
    swap_labels: "is labelled",
    swap_layers: "is not pass",
    remove_op: "stands at place",
    skip_op: "run again it gives other values",
    wrong_pass: "is not pass 1",
    wrong_parameters: "reads ['fc.bias', 'fc.weight'], but lists",
    wrong_argument: "run again it gives other values",
    wrong_shape: "the value of add_1_2:1 is",
    wrong_module: "but ran inside",
    module_too_long: "runs from Op",
    incomplete: "half of it ran elsewhere",
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda one: one.__name__)
def test_corrupted_traces_fail(corrupt) -> None:
    """Whatever is wrong in a trace is caught and said."""
    torch.manual_seed(0)
    model = zoo.Recurrent()
    with torch.no_grad():
        traced = trace(model, SMALL)
    assert check(traced, model, inputs=SMALL).ok
    report = check(corrupt(traced), model, inputs=SMALL)
    assert not report.ok
    assert CORRUPTIONS[corrupt] in str(report)


def test_a_corrupted_value_is_pinned_to_its_op() -> None:
    """The Op with the wrong value fails, and its child, which starts from it; no other does."""
    model = zoo.Recurrent()
    with torch.no_grad():
        report = check(corrupt_value(trace(model, SMALL)), model)
    assert [verdict.op for verdict in report.ops if verdict.outcome == "failed"] == [3, 4]


def test_a_parent_without_influence_fails() -> None:
    """An Op that would give its value whatever its parent held does not depend on it."""
    model = zoo.ThreeSines()
    traced = trace(model, SMALL)
    kept = traced.ops[2].value.clone()
    report = check(replaced(traced, 2, function=lambda _: kept.clone()), model)
    assert not report.ok
    assert "sin_1_1:1 -> sin_1_1:2: other contents of this parent left" in str(report)
