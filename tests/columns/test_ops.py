"""What the table of Ops says of tensors, calls, buffers and host reads, against torch itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lens_pipeline import trace
from lens_pipeline.columns import table
from lens_pipeline.tracer.keeping import Keep
from tests import zoo


def _row(traced, key: str, *columns: str) -> dict[str, object]:
    found = table(traced, columns=columns)
    return {name: cells[traced[key].index] for name, cells in found.items()}


def test_tensor_columns_say_what_the_tensor_says() -> None:
    """Every fact about an output is that of the value which was kept."""
    traced = trace(zoo.MultiOutput(), torch.randn(2, 4, dtype=torch.float64))
    found = table(traced)
    for op in traced.ops:
        value = op.value
        at = op.index
        assert found["shape"][at] == list(value.shape)
        assert found["strides"][at] == list(value.stride())
        assert found["n_elements"][at] == value.numel()
        assert found["bytes"][at] == value.numel() * value.element_size()
        assert f"torch.{found['dtype'][at]}" == str(value.dtype)
        assert f"torch.{found['layout'][at]}" == str(value.layout)
        assert found["device"][at] == str(value.device)
    assert {"float64", "int64"} == set(found["dtype"])


def test_without_values_layout_and_strides_are_empty() -> None:
    """They are read off the value; the rest of the metadata needs none."""
    found = table(trace(zoo.MultiOutput(), torch.randn(2, 4), keep=None))
    assert set(found["value_kept"]) == {False}
    assert set(found["layout"]) == set(found["strides"]) == {None}
    assert None not in found["bytes"]


def test_autograd_columns_name_the_node() -> None:
    """The node's name is the tensor's own; without gradients there is none."""
    x = torch.randn(1, 5, requires_grad=True)
    model = nn.Linear(5, 2)
    row = _row(trace(model, x), "linear_1", "requires_grad", "autograd_function")
    assert row == {"requires_grad": True, "autograd_function": model(x).grad_fn.name()}
    with torch.no_grad():
        traced = trace(model, x)
    row = _row(traced, "linear_1", "requires_grad", "autograd_function")
    assert row == {"requires_grad": False, "autograd_function": None}


class Calls(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, (3, 1), stride=2, padding=(1, 0), bias=False)

    def forward(self, x):
        y = F.max_pool2d(self.conv(x), 2, stride=1)
        y = y.view(1, -1)[:, None, 1:4, ...]
        y = torch.cat([y, y], dim=-1).add_(1).to(torch.float64)
        return y.sum(dim=(1, 2), keepdim=True) + y.new_zeros(1, 1)


@pytest.mark.parametrize(("key", "config", "arguments"), [
    (
        "conv2d_1",
        "kernel_size=(3, 1), {}",
        "conv2d(input=input_1_0, weight=conv.weight, {})",
    ),
    ("view_1", "size=(1, -1)", "view(self=maxpool2d_1_2, size=(1, -1))"),
    ("getitem_1", "1=(:, None, 1:4, ...)", "__getitem__(view_1_3, (:, None, 1:4, ...))"),
    ("cat_1", "dim=-1", "cat(tensors=[getitem_1_4, getitem_1_4], dim=-1)"),
    ("add_1", "other=1", "add_(self=cat_1_5, other=1)"),
    ("to_1", "dtype=torch.float64", "to(self=add_1_6, dtype=torch.float64)"),
    ("sum_1", "dim=(1, 2), keepdim=True", "sum(self=to_1_7, dim=(1, 2), keepdim=True)"),
    ("newzeros_1", "size=(1, 1)", "new_zeros(self=to_1_7, size=(1, 1))"),
    ("add_2", "", "add(self=sum_1_8, other=newzeros_1_9)"),
])  # fmt: skip
def test_arguments_have_their_names(key: str, config: str, arguments: str) -> None:
    """Positions become names, tensors labels, sizes one argument, slices their own spelling."""
    row = _row(trace(Calls(), torch.randn(1, 2, 9, 9)), key, "config", "arguments")
    given = "bias=None, stride=(2, 2), padding=(1, 0), dilation=(1, 1), groups=1"
    assert row == {"config": config.format(given), "arguments": arguments.format(given)}


def test_kernel_size_of_any_weight() -> None:
    """It is that of a buffer, of a tensor made inside or outside, as it is of a parameter."""

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("blur", torch.ones(1, 1, 5))

        def forward(self, x):
            y = F.conv1d(F.conv1d(x, self.blur), torch.ones(1, 1, 3))
            return F.conv1d(y, outside)

    outside = torch.ones(1, 1, 2)
    found = table(trace(Fixed(), torch.ones(1, 1, 9)), columns=["type", "config"])
    sizes = [
        config
        for kind, config in zip(found["type"], found["config"], strict=True)
        if kind == "conv1d"
    ]
    assert [text.partition(",)")[0] for text in sizes] == [
        f"kernel_size=({size}" for size in (5, 3, 2)
    ]


def test_a_tensor_that_came_in_twice_is_there_twice() -> None:
    """Which argument each tensor was is kept, with its multiplicity."""
    row = _row(trace(zoo.TwoSlots(), torch.ones(2)), "add_1", "tensor_arguments", "parents")
    assert [text.partition("=")[2] for text in row["tensor_arguments"]] == ["input_1_0"] * 2
    assert row["parents"] == ["input_1_0"]


def test_functions_have_the_names_torch_gives_them() -> None:
    """The qualified name leads to the function; inputs have none."""
    traced = trace(Calls(), torch.randn(1, 2, 9, 9))
    assert _row(traced, "view_1", "qualified_function") == {
        "qualified_function": "torch.Tensor.view"
    }
    assert table(traced, columns=["qualified_function"])["qualified_function"][0] is None
    for key, in_place in {"add_1": True, "cat_1": False}.items():
        assert _row(traced, key, "in_place") == {"in_place": in_place}


def test_what_draws_is_marked_as_random() -> None:
    """rand and dropout draw; arange and add do not."""
    traced = trace(nn.Sequential(zoo.MadeInside(), nn.Dropout()), torch.zeros(2, 3))
    found = table(traced, columns=["type", "is_random"])
    drawing = {kind for kind, yes in zip(found["type"], found["is_random"], strict=True) if yes}
    assert drawing == {"rand", "dropout"}


def test_outputs_of_one_call_share_the_call() -> None:
    """max gives two tensors: one call, two rows, numbered from 0."""
    found = table(trace(zoo.MultiOutput(), torch.randn(2, 4)))
    rows = [at for at, kind in enumerate(found["type"]) if kind == "max"]
    assert [found["output_index"][at] for at in rows] == [0, 1]
    assert {found["n_outputs"][at] for at in rows} == {2}
    assert len({found["call"][at] for at in rows}) == 1


def test_every_lookup_key_finds_its_op() -> None:
    """Labels, short labels, passes, modules and ordinals all lead back."""
    for model, x in ((zoo.Siamese(), torch.ones(1, 5)), (zoo.Recurrent(), torch.ones(1, 5))):
        traced = trace(model, x)
        keys = table(traced, columns=["lookup_keys"])["lookup_keys"]
        for op, names in zip(traced.ops, keys, strict=True):
            assert len(names) >= 2
            for name in names:
                assert traced[int(name) if name.isdigit() else name].index == op.index


class Counts(nn.Module):
    """A buffer that is written between reads, and one that batch norm writes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x):
        first = x + self.seen
        self.seen.add_(1)
        second = first * self.seen
        self.seen += 1
        return self.norm(second - self.seen)


def test_buffers_are_followed_through_their_writes() -> None:
    """Each reader says how often the buffer had been written; the writers say that they wrote."""
    traced = trace(Counts(), torch.randn(3, 2))
    found = table(traced, columns=["type", "buffers", "buffer_versions", "buffers_written"])
    rows = [row for row in zip(*found.values(), strict=True) if "seen" in row[1]]
    assert rows == [
        ("add", ["seen"], [0], []),
        ("add", ["seen"], [0], ["seen"]),
        ("mul", ["seen"], [1], []),
        ("add", ["seen"], [1], ["seen"]),
        ("sub", ["seen"], [2], []),
    ]
    written = {name for names in found["buffers_written"] for name in names}
    assert written == {name for name, _ in Counts().named_buffers()}
    evaluated = table(trace(Counts().eval(), torch.randn(3, 2)), columns=["buffers_written"])
    assert {name for names in evaluated["buffers_written"] for name in names} == {"seen"}


def test_a_condition_is_marked_with_its_truth_value() -> None:
    """`if x.sum() > 0` asks the comparison, and no other Op."""
    for sign in (True, False):
        x = torch.ones(2) if sign else -torch.ones(2)
        found = table(trace(zoo.DataDependent(), x))
        asked = [
            row for row in zip(found["type"], found["condition"], strict=True) if row[1] is not None
        ]
        assert asked == [("gt", sign)]
        assert [
            kind for kind, yes in zip(found["type"], found["is_condition"], strict=True) if yes
        ] == ["gt"]


class ThroughPython(nn.Module):
    def forward(self, x):
        return x * x.sum().item()


def test_numbers_that_went_through_python_are_named_at_both_ends() -> None:
    """The Op that was read says how, the Op that got the number says from which."""
    traced = trace(ThroughPython(), torch.ones(3))
    assert _row(traced, "sum_1", "host_reads") == {"host_reads": ["item"]}
    assert _row(traced, "mul_1", "from_host_reads") == {"from_host_reads": ["sum_1_1"]}


def test_what_a_postfunction_made_is_described() -> None:
    """Shape, type and size of the transformed value; empty where nothing was transformed."""
    half = Keep(postfunction=lambda value: value.flatten(1)[:, :2].half())
    traced = trace(nn.Linear(4, 4), torch.ones(3, 4), keep=half)
    found = _row(traced, "linear_1", "transformed_shape", "transformed_dtype", "transformed_bytes")
    assert list(found.values()) == [[3, 2], "float16", 12]
    plain = trace(nn.Linear(4, 4), torch.ones(3, 4))
    assert set(_row(plain, "linear_1", *found).values()) == {None}


def test_labels_and_intensity() -> None:
    """The numbers of a label, the other visits, and FLOPs per byte by hand."""
    traced = trace(zoo.HandUnrolled(), torch.ones(2, 5))
    assert _row(traced, "relu_1:2", "type_index") == {"type_index": 1}
    two = trace(zoo.NestedLoops(), torch.ones(2))
    assert {op.label: _row(two, op.label, "type_index")["type_index"] for op in two.ops} == {
        op.label: int(op.label.split("_")[1]) for op in two.ops
    }
    visits = _row(traced, "linear_1:2", "same_layer_ops")["same_layer_ops"]
    assert visits == ["linear_1_1:1", "linear_1_1:2"]
    linear = trace(nn.Linear(5, 5, bias=False), torch.ones(2, 5))
    moved = 4 * (2 * 5 + 5 * 5 + 2 * 5)
    row = _row(linear, "linear_1", "arithmetic_intensity")
    assert row["arithmetic_intensity"] == pytest.approx(2 * 2 * 5 * 5 / moved)


def test_internal_ancestors_are_the_calls_without_parents() -> None:
    """What was made inside is behind what was computed from it, and not behind itself."""
    traced = trace(zoo.MadeInside(), torch.zeros(2, 3))
    made = [op.label for op in traced.ops if op.kind == "call" and not op.parents]
    assert _row(traced, "output", "internal_ancestors")["internal_ancestors"] == made
    assert _row(traced, made[0], "internal_ancestors")["internal_ancestors"] == []
    assert _row(traced, "input_1", "internal_ancestors")["internal_ancestors"] == []


class Chooses(nn.Module):
    """`where` as a method, whose condition comes second, and operators named as object methods."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.where(x == 1 * x, F.interpolate(x, scale_factor=2)[:, :, :2, :2])


def test_where_as_a_method_and_comparisons_have_their_arguments() -> None:
    """The condition is not taken for the tensor, and `__eq__` is no operator of ATen."""
    traced = trace(Chooses(), torch.ones(1, 1, 2, 2))
    assert str(table(traced)["arguments"][traced["where"].index]).startswith(
        "where(self=input_1_0, condition=eq_1"
    )
    row = _row(traced, "upsample", "flops", "is_random")
    assert row == {"flops": 0, "is_random": False}
