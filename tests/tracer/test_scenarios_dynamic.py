"""What runs when: autograd, transforms, compilers, failures, threads, changing graphs, scale."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.tracer.graph import containing_calls
from lens_pipeline.tracer.run import ForwardError
from lens_pipeline.validation.checking import validate
from tests import zoo, zoo_dynamic
from tests.tracer.plain import GRID, modes, parents, seed, traced_like_plain, types
from tests.tracer.test_run import _hook_counts
from tests.zoo_values import Runs

# Models that a trace shows in full.
WHOLE = {
    "custom_function": Runs(zoo_dynamic.custom_function),
    "checkpoint": zoo_dynamic.Checkpointed(),
    "no_grad_block": Runs(zoo_dynamic.no_grad_block),
    "inference_block": Runs(zoo_dynamic.inference_block),
    "gradient_midway": Runs(zoo_dynamic.gradient_midway),
    "data_read": Runs(zoo_dynamic.data_read),
    "data_written": Runs(zoo_dynamic.data_written),
    "mapped": Runs(zoo_dynamic.mapped),
    "gradient_function": Runs(zoo_dynamic.gradient_function),
    "FunctionalCall": zoo_dynamic.FunctionalCall(),
    "autocast_region": Runs(zoo_dynamic.autocast_region),
    "device_context": Runs(zoo_dynamic.device_context),
    "catches_a_failed_op": Runs(zoo_dynamic.catches_a_failed_op),
    "EarlyExit": zoo_dynamic.EarlyExit(),
    "Routed": zoo_dynamic.Routed(),
    "StochasticDepth": zoo_dynamic.StochasticDepth(),
}


@pytest.mark.parametrize("name", WHOLE)
def test_outputs_are_those_of_the_plain_forward(name: str) -> None:
    """The model's outputs are the plain forward's to the bit, and nothing was missed."""
    traced = traced_like_plain(WHOLE[name])
    assert traced.complete, traced.gaps


@pytest.mark.parametrize("name", WHOLE)
def test_validation_passes(name: str) -> None:
    """Every op runs again to its value and depends on its parents; the graph is the model."""
    seed()
    report = validate(WHOLE[name], GRID)
    assert report.ok, str(report)


# ---- autograd ----------------------------------------------------------------------------------


def test_autograd_function_is_one_unit_with_its_body_inside() -> None:
    """A custom function is called once, as a module is; its body runs inside it."""
    traced = traced_like_plain(Runs(zoo_dynamic.custom_function))
    assert [call.class_name for call in traced.module_calls] == ["Runs", "_Squares"]
    inside = [containing_calls(traced, traced[key])[-1] for key in ("mul_1", "add_1_2", "add_2")]
    assert [call.class_name for call in inside] == ["_Squares", "_Squares", "Runs"]
    (output,) = traced.module_calls[1].outputs
    assert traced.ops[output].label == "add_1_2"


def test_module_that_ends_with_an_autograd_function_ends() -> None:
    """The function is closed with it, and what comes next runs outside of both."""
    net = nn.Sequential(Runs(zoo_dynamic._Squares.apply), nn.ReLU())
    traced = traced_like_plain(net)
    calls = [(call.class_name, call.parent, call.first, call.last) for call in traced.module_calls]
    assert calls == [
        ("Sequential", None, 1, 4),
        ("Runs", 0, 1, 3),
        ("_Squares", 1, 1, 3),
        ("ReLU", 0, 3, 4),
    ]
    assert traced.module_calls[1].outputs == traced.module_calls[2].outputs == (2,)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_both_kinds_of_checkpointing(*, reentrant: bool, grad: bool) -> None:
    """The checkpointed part is seen once, at the place where it ran."""
    model = zoo_dynamic.Checkpointed(reentrant=reentrant)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a reentrant one wants gradients
        traced = traced_like_plain(model, GRID.clone().requires_grad_(grad))
    assert types(traced) == "linear sin add"
    assert traced.complete
    assert traced["linear_1"].parameters == ("fc.weight", "fc.bias")


def test_blocks_without_gradients_keep_their_edges() -> None:
    """no_grad and inference_mode cut autograd's graph, not the trace's."""
    traced = trace(Runs(zoo_dynamic.no_grad_block), GRID.clone().requires_grad_())
    assert parents(traced, "add_1") == ["sin_1_1", "input_1_0"]
    assert (traced["sin_1"].requires_grad, traced["add_1"].requires_grad) == (False, True)
    traced = trace(Runs(zoo_dynamic.inference_block), GRID)
    assert parents(traced, "clone_1") == ["mul_1_2"]
    assert torch.equal(traced["sin_1"].value, GRID.sin())


def test_gradient_taken_midway_is_an_op() -> None:
    """autograd.grad is one op that reads what it differentiates; its value is cos."""
    traced = traced_like_plain(Runs(zoo_dynamic.gradient_midway))
    assert parents(traced, "grad_1") == ["sum_1_4", "clone_1_2"]
    assert torch.allclose(traced["grad_1"].value, GRID.cos())
    assert parents(traced, "add_1") == ["input_1_0", "grad_1_5"]


def test_backward_midway_is_reported() -> None:
    """A backward pass inside forward writes .grad where no op is seen: the trace says so."""
    traced = traced_like_plain(Runs(zoo_dynamic.backward_midway))
    assert not traced.complete


def test_data_shares_memory_with_what_it_is_of() -> None:
    """A write through .data is a parent of whoever reads the tensor afterwards."""
    traced = trace(Runs(zoo_dynamic.data_written), GRID)
    assert parents(traced, "add_2") == ["mul_1_1", "add_1_3"]
    assert torch.equal(traced["mul_1"].value, GRID)


def test_autograd_goes_through_a_trace() -> None:
    """A traced pass leaves gradients as a plain one does, and the same graph of nodes."""
    seed()
    model = zoo.HandUnrolled()
    x = torch.rand(2, 5)
    kept = []
    handle = model.register_forward_hook(lambda _m, _a, output: kept.append(output))
    trace(model, x)
    handle.remove()
    (kept[0].sum() * 1).backward()
    traced_grad = model.fc.weight.grad.clone()
    model.zero_grad()
    model(x).sum().backward()
    assert torch.equal(traced_grad, model.fc.weight.grad)


# ---- transforms, compilers, contexts -----------------------------------------------------------


@pytest.mark.parametrize("name", ["mapped", "gradient_function"])
def test_transforms_are_one_op(name: str) -> None:
    """vmap and grad are one op, from their argument to their result."""
    traced = traced_like_plain(Runs(getattr(zoo_dynamic, name)))
    transform = "vmap" if name == "mapped" else "grad"
    assert types(traced) == f"{transform} add"
    assert parents(traced, "add_1") == [f"{transform}_1_1"]
    assert parents(traced, f"{transform}_1") == ["input_1_0"]


def test_functional_call_leads_back_to_the_parameters() -> None:
    """Parameters replaced for a call are ops; those that they come from are read."""
    traced = traced_like_plain(zoo_dynamic.FunctionalCall())
    assert parents(traced, "linear_1") == ["input_1_0", "mul_1_1", "mul_2_2"]
    assert traced["mul_1"].parameters == ("fc.weight",)


@pytest.mark.slow
def test_cond_is_traced_or_reported() -> None:
    """torch.cond gives the branch's value; its predicate and operand are behind it."""
    traced = traced_like_plain(Runs(zoo_dynamic.conditional_operator))
    assert torch.equal(traced.ops[-1].value, GRID.sin() + 1)
    assert "input_1_0" in parents(traced, "cond_1")


@pytest.mark.slow
def test_compiled_callable_inside_is_run_as_python() -> None:
    """What torch.compile was asked for inside the model is traced op by op, also once compiled."""
    model = zoo_dynamic.CompiledInside()
    with torch.no_grad():
        expected = model(GRID)
        traced = trace(model, GRID)
    assert types(traced) == "linear sin add"
    assert torch.allclose(traced.ops[-1].value, expected)
    assert traced.complete


def test_autocast_is_known_per_op() -> None:
    """Ops under autocast are marked and have the type that autocast chose."""
    traced = traced_like_plain(Runs(zoo_dynamic.autocast_region))
    assert [op.autocast for op in traced.ops if op.kind == "call"] == [True, False, False]
    assert traced["matmul_1"].dtype is torch.bfloat16


# ---- failures ----------------------------------------------------------------------------------


def test_a_failed_op_that_forward_catches_is_no_op() -> None:
    """The trace goes on with what ran instead, in the right module, without a gap."""
    traced = traced_like_plain(Runs(zoo_dynamic.catches_a_failed_op))
    assert types(traced) == "getitem cos add"
    assert traced.complete


def test_interrupt_leaves_nothing_behind() -> None:
    """Ctrl-C passes through as what it is; hooks, modes and generators are as before."""
    model = zoo_dynamic.Interrupted()
    hooks, before, state = _hook_counts(model), modes(), torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt) as caught:
        trace(model, GRID)
    assert (_hook_counts(model), modes()) == (hooks, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert [layer.type for layer in caught.value.partial.layers] == ["input", "linear"]


def test_failure_leaves_nothing_behind() -> None:
    """After a forward that raised, the same model runs and traces as if nothing had been."""
    model = zoo.HandUnrolled()
    hooks, before = _hook_counts(model), modes()
    with pytest.raises(ForwardError) as caught:
        trace(model, torch.ones(2, 4))
    assert (_hook_counts(model), modes()) == (hooks, before)
    assert len(caught.value.partial.ops) == 1
    assert traced_like_plain(model, torch.ones(2, 5)).complete
