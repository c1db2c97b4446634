"""Writes, views, containers, sources and kinds of tensors: values and edges against plain torch."""

from __future__ import annotations

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.tracer.graph import children, depends_on_input
from lens_pipeline.validation.checking import validate
from tests import zoo_kinds, zoo_values, zoo_writes
from tests.tracer.plain import GRID, parents, seed, traced_like_plain, types, where
from tests.zoo_values import Runs

pytestmark = pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")

INPUTS = {
    "nothing_in": (),
    "star_arguments": {"last": torch.ones(2)},
    "star_positional": (torch.ones(2), torch.zeros(2), torch.ones(2)),
    "two_of_one_shape": (torch.ones(2), torch.zeros(2)),
    "ChannelsLast": torch.linspace(-1, 1, 150).reshape(2, 3, 5, 5),
    "through_numpy": GRID.abs(),
}
NOT_MODELS = {"Runs", "Result", "Mask", "Tagged", "dataclass", "leaky_relu"}
ZOO = {**vars(zoo_values), **vars(zoo_kinds), **vars(zoo_writes)}
NAMES = [name for name, one in ZOO.items() if callable(one) and name not in NOT_MODELS]


def build(name: str) -> torch.nn.Module:
    seed()
    made = ZOO[name]
    return made() if isinstance(made, type) else Runs(made)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_the_plain_forward(name: str) -> None:
    """The model's outputs are the plain forward's to the bit, and nothing was missed."""
    traced = traced_like_plain(build(name), INPUTS.get(name, GRID))
    assert traced.complete, traced.gaps


@pytest.mark.parametrize("name", NAMES)
def test_validation_passes(name: str) -> None:
    """Every op runs again to its value and depends on its parents; the graph is the model."""
    model = build(name)
    seed()
    report = validate(model, INPUTS.get(name, GRID))
    assert report.ok, str(report)


@pytest.mark.parametrize("name", ["disjoint_views_in_turn", "interleaved_views_in_turn"])
def test_disjoint_views_written_in_turn(name: str) -> None:
    """A reader of one view depends on the writer of that view; a reader of the base on both."""
    traced = trace(build(name), GRID)
    assert parents(traced, "add_2") == ["add_1_4"]
    assert parents(traced, "add_3") == ["mul_2_5"]
    assert parents(traced, "add_4") == ["mul_1_1", "add_1_4", "mul_2_5"]
    assert traced["mul_1"].value.equal(GRID)


@pytest.mark.parametrize(
    ("name", "writer", "reader"),
    [
        ("augmented", "add_1_2", "mul_2"),
        ("out_argument", "mul_1_2", "add_1"),
        ("ignored_return", "clamp_1_2", "add_1"),
        ("copies_into", "copy_1_2", "add_1"),
        ("zeroes", "zero_1_3", "add_2"),
        ("masked_setitem", "setitem_1_4", "add_1"),
        ("writes_to_a_view_of_a_view", "mul_2_5", "add_1"),
        ("writes_to_its_input", "mul_1_1", "add_1"),
        ("base_written_after_the_view", "add_1_3", "mul_2"),
        ("index_put", "indexput_1_4", "add_1"),
        ("diagonal", "copy_1_4", "add_1"),
        ("strided_view", "zero_1_3", "add_1"),
        ("base_of_an_expanded_view", "add_1_4", "mul_2"),
        ("view_of_another_type", "zero_1_3", "add_1"),
        ("real_part", "zero_1_3", "abs_1"),
        ("flag_in_place", "leakyrelu_1_2", "add_1"),
        ("ParameterWritten", "add_1_1", "mul_1"),
        ("BufferByRow", "setitem_1_2", "add_1"),
    ],
)
def test_a_reader_depends_on_the_last_writer(name: str, writer: str, reader: str) -> None:
    """Each way to write in place is an op of its own, and later readers are its children."""
    traced = trace(build(name), GRID.clone())
    assert traced[writer].in_place
    assert writer in parents(traced, reader)


def test_the_value_before_a_write_stays() -> None:
    """The op that was overwritten keeps the value that it gave, also if it is an input."""
    traced = trace(Runs(zoo_writes.zeroes), GRID)
    assert traced["mul_1"].value.equal(GRID)
    assert not traced["zero_1"].value.any()
    traced = trace(Runs(zoo_writes.writes_to_its_input), GRID.clone())
    assert traced.ops[0].value.equal(GRID)
    assert traced["mul_1"].value.equal(GRID * 2)


def test_rows_written_in_a_loop_are_one_layer() -> None:
    """`a[step] = ...` is one layer whose value grows from pass to pass."""
    traced = trace(Runs(zoo_writes.written_in_a_loop), GRID)
    writes = [traced.ops[index].value for index in traced.layer("setitem_1").ops]
    assert [int(value.any(1).sum()) for value in writes] == [0, 1, 2]


def test_out_writes_every_tensor_given() -> None:
    """max(out=(values, places)) is one op per destination, in its order."""
    traced = trace(Runs(zoo_writes.several_out_arguments), GRID)
    assert [(op.output_index, op.in_place) for op in traced.ops if op.name == "max"] == [
        *((0, True), (1, True))
    ]
    assert parents(traced, "add_1") == ["max_1_3", "max_2_4"]


def test_calls_that_return_their_argument_are_ops() -> None:
    """contiguous, to(same) and float leave an op each and the earlier op its label and value."""
    traced = trace(Runs(zoo_values.returns_arguments), GRID)
    assert types(traced) == "sin contiguous to viewas float"
    assert traced["sin_1_1"].value.equal(GRID.sin())


def test_equal_numbers_are_not_confused() -> None:
    """Of two ops with the same value the one that was passed is the parent."""
    traced = trace(Runs(zoo_values.equal_numbers), GRID)
    assert parents(traced, "sub_1") == ["mul_1_1", "exp_1_3"]
    assert parents(traced, "exp_1") == ["mul_2_2"]


def test_one_tensor_in_a_list_thrice_is_one_parent() -> None:
    """cat([x, x, x]) has one parent and three references."""
    op = trace(Runs(zoo_values.one_tensor_in_three_places), GRID)["cat_1"]
    assert op.parents == (0,)
    assert len(op.args[0]) == 3


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("dataclass_out", "output.logits output.hidden[0] output.hidden[1]"),
        ("twice_out", "output[0] output[1].again"),
        ("input_out", "output[0] output[1]"),
        ("none_out", ""),
        ("number_out", "output[0]"),
        ("ParameterOut", "output[0] output[1]"),
    ],
)
def test_outputs_by_their_place(name: str, outputs: str) -> None:
    """Each tensor in the result is an output by its path; None and numbers are none."""
    traced = trace(build(name), GRID)
    assert " ".join(op.name for op in traced.ops if op.kind == "output") == outputs


def test_same_tensor_returned_twice_has_one_parent() -> None:
    """Both outputs come from the same op."""
    traced = trace(Runs(zoo_values.twice_out), GRID)
    assert parents(traced, "output_1") == parents(traced, "output_2") == ["sin_1_1"]


def test_returned_parameter_is_named() -> None:
    """An output that is a parameter has no op behind it but the parameter."""
    op = trace(zoo_values.ParameterOut(), GRID)["output_2"]
    assert (op.parents, op.parameters) == ((), ("scale",))


@pytest.mark.parametrize(
    ("function", "inputs", "names"),
    [
        (zoo_values.nothing_in, (), []),
        (zoo_values.star_arguments, {"last": GRID}, ["input.last"]),
        (zoo_values.star_positional, (GRID, GRID + 1, GRID), ["input[0]", "input[1]"]),
        (zoo_values.two_of_one_shape, (GRID, GRID + 1), ["input[0]", "input[1]"]),
        (zoo_values.two_of_one_shape, {"b": GRID, "a": GRID}, ["input.b"]),
    ],
)
def test_inputs_by_their_place(function, inputs, names: list[str]) -> None:
    """None at all, by keyword, by position; one tensor given twice is one input."""
    traced = traced_like_plain(Runs(function), inputs)
    assert [op.name for op in traced.ops if op.kind == "input"] == names


def test_two_inputs_of_one_shape_stay_two() -> None:
    """a - b keeps its order when a and b are alike."""
    a, b = GRID.clone(), GRID.clone()
    assert trace(Runs(zoo_values.two_of_one_shape), (a, b))["sub_1"].parents == (0, 1)


def test_mask_stands_in_the_module_that_made_it() -> None:
    """A constant of a deep submodule has no input before it and the right place."""
    traced = trace(zoo_values.MaskDeepInside(), GRID)
    assert not depends_on_input(traced)[traced["triu_1"].index]
    assert where(traced, traced["ones_1"]) == "outer.0.0"


def test_dead_ends_and_islands_are_kept() -> None:
    """What nobody reads, and what no input leads to, is in the trace and can be told."""
    traced = trace(Runs(zoo_values.dead_end_and_island), GRID)
    below, depends = children(traced), depends_on_input(traced)
    cos, island = traced["cos_1"].index, traced["add_1"].index
    assert (below[cos], depends[cos]) == ([], True)
    assert (below[island], depends[island]) == ([], False)


@pytest.mark.parametrize(
    ("name", "read", "reader"),
    [
        ("through_item", "sum_1_1", "mul_1"),
        ("through_numpy_itself", "sin_1_1", "fromnumpy_1"),
    ],
)
def test_host_round_trip_is_an_edge(name: str, read: str, reader: str) -> None:
    """A number or array that comes back names the read it came from, and that its op."""
    traced = trace(build(name), GRID)
    (number,) = traced[reader].host_reads
    assert [traced.ops[op].label for op in traced.host_reads[number].ops] == [read]


@pytest.mark.parametrize("name", ["through_item", "through_int", "through_list", "through_numpy"])
def test_every_host_read_is_recorded(name: str) -> None:
    """What Python does with the contents is unknown, but that it read them is written down."""
    assert len(trace(build(name), GRID.abs()).host_reads) == 1
