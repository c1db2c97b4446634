"""Values of a trace against plain forward hooks and plain tensors; nothing is left behind."""

from __future__ import annotations

import gc
import itertools
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from torch.nn.modules import module as nn_module

from lens_pipeline import trace
from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.run import ForwardError
from lens_pipeline.tracer.run import trace as trace_alone
from tests import zoo
from tests.tracer.plain import hook_values

NETS = ["alexnet", "resnet18", "squeezenet1_1", "mobilenet_v3_small", "densenet121"]


@pytest.mark.parametrize("name", NETS)
def test_every_module_output_equals_its_hook(name: str) -> None:
    """Each call of each module has the very values that a plain hook sees; nothing is missed."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        seen = hook_values(model, x)
        traced = trace(model, x)
    assert traced.complete, traced.gaps
    assert len(traced.module_calls) == sum(map(len, seen.values()))
    for call in traced.module_calls:
        value = traced.ops[call.outputs[0]].value
        assert torch.equal(value, seen[call.address][call.number - 1]), call.address


def test_value_of_an_op_is_what_it_was_when_it_had_run() -> None:
    """An in-place call is an Op of its own and leaves the earlier value as it was."""
    x = torch.tensor([[-1.0, 2.0]])
    traced = trace(zoo.InPlace(), x)
    assert traced["mul_1_1"].value.tolist() == [[-1.0, 2.0]]
    assert traced["relu_1_2"].value.tolist() == [[0.0, 2.0]]
    assert traced["relu_1_2"].in_place
    assert traced["add_1_3"].parents == (traced["relu_1_2"].index,)


def test_each_call_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by 1 whenever it is read; the outputs of one call share its time."""
    clock = SimpleNamespace(perf_counter=itertools.count(0.0).__next__)
    monkeypatch.setattr("lens_pipeline.tracer.recorder.time", clock)
    traced = trace(zoo.MultiOutput(), torch.randn(2, 4))
    assert {op.call: op.seconds for op in traced.ops} == {
        op.call: 1.0 if op.kind == "call" else 0.0 for op in traced.ops
    }
    assert traced.seconds > 0


def test_values_outlive_later_writes_to_inputs_and_buffers() -> None:
    """What the caller or the model does afterwards changes no kept value."""
    norm = torch.nn.BatchNorm1d(3)
    x = torch.zeros(2, 3)
    traced = trace(norm, x)
    norm(x)
    x.add_(5)
    assert traced["add_1"].value == 1
    assert traced.ops[0].value.tolist() == torch.zeros(2, 3).tolist()


def test_in_place_call_by_keyword_is_foreseen() -> None:
    """A write to a keyword argument is a write all the same."""

    class Fills(torch.nn.Module):
        def forward(self, x):
            a = x * 1
            torch.nn.init.constant_(tensor=a, val=3.0)
            return a

    traced = trace(Fills(), torch.ones(2))
    assert traced["mul_1"].value.tolist() == [1, 1]
    assert traced.ops[-1].value.tolist() == [3, 3]
    assert traced.complete


def test_write_through_a_view_is_a_parent_of_the_base_reader() -> None:
    """Who reads the base after a view of it was written depends on the write."""
    traced = trace(zoo.InPlaceThroughView(), torch.zeros(2, 3))
    last = traced["mul_2"]
    assert traced["add_1"].index in last.parents
    assert traced["mul_1"].value.sum() == 0
    assert last.value[:, 0].tolist() == [20.0, 20.0]


def test_setitem_is_an_op() -> None:
    """`a[0] = 7` is an Op whose output is the changed tensor."""
    traced = trace(zoo.SetItem(), torch.zeros(2, 2))
    assert traced["setitem_1"].value.tolist() == [[7.0, 7.0], [0.0, 0.0]]
    assert traced["mul_1"].value.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert traced["add_1"].parents == (traced["setitem_1"].index,)


def test_call_that_returns_its_argument_is_an_op() -> None:
    """contiguous(), dropout in eval and Identity leave an Op each; the earlier label stays."""
    traced = trace(zoo.ReturnsItsArgument().eval(), torch.randn(2, 2))
    assert [layer.type for layer in traced.layers] == [
        *("input", "sin", "contiguous", "dropout", "identity", "output")
    ]
    assert traced["same"].label == "identity_1_4"


def test_same_tensor_in_two_slots_is_one_parent() -> None:
    """x + x reads one parent in two arguments."""
    op = trace(zoo.TwoSlots(), torch.ones(2))["add_1"]
    assert op.parents == (0,)
    assert len(op.args) == 2


def test_one_op_per_output_tensor() -> None:
    """split and max(dim) leave one Op for each tensor, with its index."""
    traced = trace(zoo.MultiOutput(), torch.randn(2, 4))
    several = [(op.name, op.output_index) for op in traced.ops if op.output_index is not None]
    assert several == [("split", 0), ("split", 1), ("max", 0), ("max", 1)]


def test_lstm_is_one_call_with_three_outputs() -> None:
    """An LSTM is one operation, parameters included."""
    traced = trace(zoo.Recurrence(), torch.randn(2, 3, 4))
    lstm = [op for op in traced.ops if op.name == "lstm"]
    assert [op.output_index for op in lstm] == [0, 1, 2]
    assert len(lstm[0].parameters) == 4


def test_tensors_made_inside_have_no_input_among_their_parents() -> None:
    """rand and arange are Ops without parents."""
    traced = trace(zoo.MadeInside(), torch.zeros(2, 3))
    assert traced["rand_1"].parents == ()
    assert traced["arange_1"].parents == ()


def test_function_bound_beforehand_is_seen() -> None:
    """A function imported by name before any trace is intercepted."""
    assert trace(zoo.BoundBeforehand(), torch.ones(3, 3))["triu_1"].kind == "call"


def test_nested_inputs_and_outputs() -> None:
    """Tensors in tuples, dicts and keyword arguments are inputs; nested results are outputs."""
    a, b, c = torch.ones(2), torch.ones(2), torch.ones(2)
    traced = trace(zoo.Nested(), {"pair": (a, {"b": b}), "scale": c})
    assert [op.name for op in traced.ops if op.kind == "input"] == [
        *("input.pair[0]", "input.pair[1].b", "input.scale")
    ]
    assert [op.name for op in traced.ops if op.kind == "output"] == [
        *("output.sum", "output.scaled[0]")
    ]


def test_attention_in_eval_shows_its_inside() -> None:
    """Multi-head attention without gradients is several operations, not one fused kernel."""
    model = zoo.Attention().eval()
    x = torch.randn(1, 3, 4)
    with torch.no_grad():
        traced = trace(model, x)
        assert torch.allclose(traced.ops[-1].value, model(x), atol=1e-6)
    assert {"linear", "softmax", "bmm"} <= {layer.type for layer in traced.layers}
    assert traced.complete


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_scripted_part_is_reported_as_a_gap() -> None:
    """What runs outside Python is not silently left out: the trace says that it is incomplete."""
    traced = trace(zoo.Scripted(), torch.ones(1, 5))
    assert not traced.complete
    assert any("was not seen" in gap for gap in traced.gaps)


def test_scripted_model_is_refused() -> None:
    """A scripted model has no Python forward to trace."""
    with pytest.warns(Warning):  # noqa: PT030  scripting itself is deprecated in torch
        scripted = torch.jit.script(torch.nn.Linear(2, 2))
    with pytest.raises(TraceError, match="runs outside Python"):
        trace(scripted, torch.ones(1, 2))


def test_function_is_refused() -> None:
    """Only modules are traced."""
    with pytest.raises(TraceError, match="A function cannot be traced"):
        trace(lambda x: x, torch.ones(1))


def _hook_counts(model: torch.nn.Module) -> list[int]:
    own = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    return [*own, len(nn_module._global_forward_hooks), len(nn_module._global_forward_pre_hooks)]


@pytest.mark.parametrize("model", [zoo.Recurrent(), zoo.Raises()], ids=["well", "raising"])
def test_nothing_is_left_behind(model: torch.nn.Module) -> None:
    """Hooks, attributes and the modes are gone afterwards, also after an exception."""
    x = torch.ones(2, 5)
    before, names = _hook_counts(model), set(vars(x))
    if isinstance(model, zoo.Raises):
        with pytest.raises(ForwardError, match="ValueError: in the middle"):
            trace(model, x)
    else:
        trace(model, x)
    assert _hook_counts(model) == before
    assert set(vars(x)) == names
    assert gc.isenabled()
    assert torch._C._len_torch_function_stack() == 0
    assert torch._C._len_torch_dispatch_stack() == 0


def test_random_generators_are_as_before() -> None:
    """Python's, NumPy's and torch's generators go on as if no trace had been."""
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    trace(zoo.MadeInside(), torch.zeros(2, 3))
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


def test_a_raising_submodule_is_closed() -> None:
    """After an exception that forward catches, operations belong to the right module again."""
    traced = trace(zoo.CatchesInside(), torch.ones(1, 5))
    assert traced.module_calls[traced["add_1"].module_call].address == ""


def test_module_made_in_forward_is_seen() -> None:
    """A module that the model does not hold still has calls and operations."""
    traced = trace(zoo.MadeInForward(), torch.ones(1, 5))
    assert "<Linear>" in {call.address for call in traced.module_calls}


def test_keep_some_or_none() -> None:
    """Only the values asked for are kept; everything else about the trace is the same."""
    x = torch.ones(2, 5)
    model = zoo.Recurrent()
    none, some = trace(model, x, keep=None), trace_alone(model, x, keep=[2, 3])
    assert [op.index for op in some.ops if op.value is not None] == [2, 3]
    assert all(op.value is None for op in none.ops)
    assert [op.label for op in none.ops] == [op.label for op in some.ops]


class Buffers(torch.nn.Module):
    """One buffer at two addresses, one that no state_dict has, none that is used."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3, dtype=torch.float64))
        self.inner = torch.nn.BatchNorm1d(2, affine=False)
        self.inner.register_buffer("same", self.mean)
        self.register_buffer("cache", torch.zeros(2, 2), persistent=False)

    def forward(self, x):
        return x + 1


def test_buffers_are_listed_with_what_they_are() -> None:
    """Every buffer of the model, used or not, once, as torch itself says."""
    model = Buffers()
    found = {one.addresses[0]: one for one in trace(model, torch.ones(2)).buffers}
    assert found["mean"].addresses == ("mean", "inner.same")
    assert not found["cache"].persistent
    for name, buffer in model.named_buffers():
        one = found[name]
        assert (one.shape, one.dtype) == (buffer.shape, buffer.dtype)
        assert one.nbytes == buffer.untyped_storage().nbytes()
        assert one.persistent == (name in model.state_dict())
    assert len(found) == len(list(model.named_buffers()))
