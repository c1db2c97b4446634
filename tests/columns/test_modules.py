"""Tables of Layers, modules, calls, parameters, buffers and the model, against the model itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.columns import table
from tests import zoo


class Shared(nn.Module):
    """A block that is called twice, a tied weight, and a module and a parameter without use."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.block[0].weight
        self.idle = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(4), requires_grad=False)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.tied(self.block(self.block(x)))) * self.scale


@pytest.fixture(scope="module")
def traced():
    torch.manual_seed(0)
    return trace(Shared().eval(), torch.randn(3, 4))


def _by(traced, what: str, key: str) -> dict[str, dict[str, object]]:
    found = table(traced, what)
    return {
        name: {column: cells[at] for column, cells in found.items()}
        for at, name in enumerate(found[key])
    }


def test_modules_are_those_of_the_model(traced) -> None:
    """Address, class, children and parameters are what named_modules and its kin say."""
    rows, model = _by(traced, "modules", "address"), Shared()
    assert list(rows) == [name for name, _ in model.named_modules()]
    for address, module in model.named_modules():
        row = rows[address]
        assert row["class"] == type(module).__name__
        assert [name.rpartition(".")[2] for name in row["children"]] == [
            name for name, _ in module.named_children()
        ]
        assert row["depth"] == len([part for part in address.split(".") if part])
        assert row["is_leaf"] is not any(True for _ in module.children())
        assert row["n_parameters"] == sum(each.numel() for each in module.parameters())
        own = module.named_parameters(recurse=False)
        assert row["parameters"] == [f"{address}.{name}".lstrip(".") for name, _ in own]
        trainable = (each.numel() for each in module.parameters() if each.requires_grad)
        assert row["n_trainable_parameters"] == sum(trainable)
        assert row["parameter_bytes"] == 4 * row["n_parameters"]


def test_modules_count_their_calls_and_ops(traced) -> None:
    """As often as a plain hook sees them called."""
    rows, model = _by(traced, "modules", "address"), Shared().eval()
    calls = dict.fromkeys(rows, 0)
    for address, module in model.named_modules():
        module.register_forward_hook(
            lambda *_, address=address: calls.__setitem__(address, calls[address] + 1)
        )
    model(torch.randn(3, 4))
    assert {address: row["n_calls"] for address, row in rows.items()} == calls
    assert rows["block"]["n_ops"] == 4
    assert rows["block"]["n_layers"] == 2
    assert rows["block"]["outputs"] == ["relu_1_2:1", "relu_1_2:2"]
    assert rows["block"]["output_shapes"] == [[3, 4], [3, 4]]
    assert rows["block.0"]["called_by"] == ["block:1", "block:2"]
    assert rows["idle"]["outputs"] == rows["idle"]["called_by"] == []


def test_modules_show_where_their_forward_stands(traced) -> None:
    """The file and the first line are those of the method."""
    row = _by(traced, "modules", "address")[""]
    code = Shared.forward.__code__
    assert (row["file"], row["line"]) == (code.co_filename, code.co_firstlineno)


def test_a_module_made_inside_forward_has_a_row() -> None:
    """It belongs to nothing, but it was called."""
    rows = _by(trace(zoo.MadeInForward(), torch.ones(1, 5)), "modules", "address")
    assert rows["<Linear>"]["class"] == "Linear"
    assert rows["<Linear>"]["n_calls"] == 1


def test_calls_of_modules_know_what_came_in_and_went_out(traced) -> None:
    """Each call is one row, inside the call that made it."""
    rows = _by(traced, "module_calls", "call")
    assert rows["block:2"]["inputs"] == ["relu_1_2:1"]
    assert rows["block:2"]["outputs"] == ["relu_1_2:2"]
    assert rows["block.1:2"]["parent"] == "block:2"
    assert rows["block.1:2"]["depth"] == 2
    assert rows["block:1"]["is_leaf"] is False
    total = sum(rows[call]["seconds"] for call in ("block:1", "block:2"))
    assert _by(traced, "modules", "address")["block"]["seconds"] == pytest.approx(total)


def test_ops_know_the_modules_around_them(traced) -> None:
    """What they ran inside, brought something into, and were returned by."""
    rows = _by(traced, "ops", "label")
    first, second = rows["linear_1_1:1"], rows["relu_1_2:2"]
    assert first["modules"] == first["modules_entered"] == ["block:1", "block.0:1"]
    assert first["modules_exited"] == ["block.0:1"]
    assert first["leaf_module"] == "block.0"
    assert second["modules_entered"] == ["block.1:2"]
    assert second["modules_exited"] == ["block.1:2", "block:2"]
    assert (second["module"], second["module_pass"], second["module_depth"]) == ("block.1", 2, 2)
    assert second["leaf_module"] == "block.1"
    assert rows["mul_1_5"]["leaf_module"] is None
    assert rows["mul_1_5"]["modules"] == []
    assert rows["input_1_0"]["module"] is None


def test_layers_sum_over_their_passes(traced) -> None:
    """Bytes and times add up; what varies between passes is said."""
    rows, ops = _by(traced, "layers", "label"), _by(traced, "ops", "label")
    relu = rows["relu_1_2"]
    assert relu["ops"] == ["relu_1_2:1", "relu_1_2:2"]
    assert relu["bytes"] == 2 * 3 * 4 * 4
    assert relu["seconds"] == sum(ops[label]["seconds"] for label in relu["ops"])
    assert relu["parents"] == ["linear_1_1"]
    assert relu["children"] == ["linear_1_1", "linear_2_3"]
    assert relu["edges_vary"] is True
    assert rows["linear_2_3"]["edges_vary"] is False
    assert relu["modules_exited"] == ["block.1", "block"]
    growing = _by(trace(zoo.GrowingTensor(), torch.ones(1, 2)), "layers", "label")
    assert {row["shape_varies"] for row in growing.values() if row["is_recurrent"]} == {True}


def test_parameters_know_their_users_and_their_other_names(traced) -> None:
    """A tied weight is one row with two addresses; what no Op read is unused."""
    rows = _by(traced, "parameters", "address")
    tied = rows["block.0.weight"]
    assert tied["addresses"] == ["block.0.weight", "tied.weight"]
    assert tied["is_shared"] is True
    assert tied["used_by"] == ["linear_1_1:1", "linear_1_1:2", "linear_2_3"]
    assert tied["used_with"] == ["block.0.bias", "tied.bias"]
    assert (rows["idle.bias"]["is_used"], rows["idle.bias"]["n_uses"]) == (False, 0)
    assert rows["scale"]["trainable"] is False
    for name, tensor in Shared().named_parameters():
        assert rows[name]["shape"] == list(tensor.shape)
        assert rows[name]["n_elements"] == tensor.numel()
        assert rows[name]["bytes"] == tensor.numel() * tensor.element_size()


def test_buffers_know_their_readers(traced) -> None:
    """Running statistics are read by batch norm, and written by it only in training."""
    rows = _by(traced, "buffers", "address")
    mean = Shared().norm.running_mean
    assert rows["norm.running_mean"]["shape"] == list(mean.shape)
    assert rows["norm.running_mean"]["bytes"] == mean.numel() * 4
    assert rows["norm.running_mean"]["persistent"] is True
    assert {name: row["is_used"] for name, row in rows.items()} == {
        "norm.running_mean": True,
        "norm.running_var": True,
        "norm.num_batches_tracked": False,
    }
    assert rows["norm.running_mean"]["read_by"] == ["batchnorm_1_4"]
    assert rows["norm.running_mean"]["module_class"] == "BatchNorm1d"
    assert rows["norm.running_mean"]["n_writes"] == 0
    training = _by(trace(Shared(), torch.randn(3, 4)), "buffers", "address")
    assert training["norm.running_mean"]["n_writes"] == 1
    assert training["norm.num_batches_tracked"]["n_writes"] == 1


def test_the_model_is_one_row_of_totals(traced) -> None:
    """Totals are those of the model and of the other tables."""
    (row,) = _by(traced, "model", "model").values()
    model = Shared()
    assert row["n_parameters"] == sum(each.numel() for each in model.parameters())
    assert row["n_frozen_parameters"] == 4
    assert row["unused_parameters"] == ["idle.weight", "idle.bias"]
    assert row["uncalled_modules"] == ["idle"]
    assert row["bytes"] == row["bytes_kept"] == sum(table(traced, columns=["bytes"])["bytes"])
    assert (row["n_ops"], row["n_layers"], row["most_passes"]) == (9, 7, 2)
    assert row["is_recurrent"] is True
    assert row["is_branching"] is False
    assert 0 < row["op_seconds"] <= row["seconds"]


class CallsItself(nn.Module):
    def forward(self, x, *, times=2):
        return self(torch.sin(x), times=times - 1) if times else x * 2


def test_ops_of_a_module_that_calls_itself_count_once() -> None:
    """Three calls, one inside the other, hold three Ops together."""
    traced = trace(CallsItself(), torch.ones(2))
    (row,) = _by(traced, "modules", "address").values()
    assert (row["n_calls"], row["n_ops"]) == (3, 3)
    assert _by(traced, "module_calls", "call")[":2"]["n_ops"] == 2


def test_modules_know_their_class_and_state() -> None:
    """Addresses, class with its home, mode and the user's hooks are those of the modules."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Linear(2, 2))
    model.add_module("again", model[0])
    model[1].eval()
    model[2].register_forward_hook(lambda *_: None)
    rows = _by(trace(model, torch.ones(1, 2)), "modules", "address")
    assert rows["0"]["addresses"] == ["0", "again"]
    assert rows["0"]["is_shared"] is True
    assert rows["0"]["qualified_class"] == "torch.nn.modules.linear.Linear"
    assert [row["is_training"] for row in rows.values()] == [True, True, False, True]
    assert [row["n_hooks"] for row in rows.values()] == [0, 0, 0, 1]


def test_random_state_repeats_the_numbers() -> None:
    """The state of the generator is that of the beginning: from it the same numbers are drawn."""

    class Draws(nn.Module):
        def forward(self, x):
            return x + torch.rand(3)

    traced = trace(Draws(), torch.zeros(3))
    torch.set_rng_state(traced.rng_state)
    assert torch.equal(traced[-1].value, torch.rand(3))
    (row,) = _by(traced, "model", "model").values()
    (later,) = _by(trace(Draws(), torch.zeros(3)), "model", "model").values()
    assert row["rng_state"] != later["rng_state"]
    assert row["n_random_ops"] == 1
    assert row["internal_sources"] == ["rand_1_1"]
