"""Modules and functions reached, shared, changed, made and nested in odd ways, against hooks."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.tracer.graph import containing_calls
from lens_pipeline.validation.checking import validate
from tests import zoo, zoo_modules
from tests.tracer.plain import GRID, parents, seed, traced_like_plain, types, where
from tests.zoo_values import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator

SEQUENCE = torch.linspace(-1, 1, 24).reshape(2, 3, 4)
INPUTS = {
    **dict.fromkeys(("Encoder", "Gated", "Packed", "fused_attention"), SEQUENCE),
    "linear_algebra": torch.tensor([[2.0, 0.5], [0.3, 1.0]]),
}
# not models, or with a test of their own
LEFT_OUT = {"WithEncode", "PARTIAL", "cos", "Deep", "Lazy"}
NAMES = [name for name, one in vars(zoo_modules).items() if callable(one) and name not in LEFT_OUT]


def build(name: str) -> nn.Module:
    seed()
    made = getattr(zoo_modules, name)
    return made().eval() if isinstance(made, type) else Runs(made)


# copy.deepcopy refuses a module that holds a computed weight
@pytest.mark.parametrize("name", [name for name in NAMES if name != "Pruned"])
def test_outputs_are_those_of_the_plain_forward(name: str) -> None:
    """The model's outputs are the plain forward's to the bit, and nothing was missed."""
    traced = traced_like_plain(build(name), INPUTS.get(name, GRID))
    assert traced.complete, traced.gaps


@pytest.mark.parametrize("name", NAMES)
def test_validation_passes(name: str) -> None:
    """Every op runs again to its value and depends on its parents; the graph is the model."""
    report = validate(build(name), INPUTS.get(name, GRID))
    assert report.ok, str(report)


FUNCTIONS = {
    "bound_beforehand": "cos",
    "partials_and_dicts": "clamp sin pow",
    "closure": "mean mul",
    "library_operator": "add",
    "einsum": "einsum",
    "fourier": "fftrfft fftirfft",
    "linear_algebra": "linalgqr linalgqr matmul eye mul add linalginv add",
    "special": "specialexpit specialerf add",
    "fused_attention": "scaleddotproductattention",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_seen_however_they_are_reached(name: str) -> None:
    """Bound by import, partial, from a dict, a closure, a library, a namespace: each is its op."""
    assert types(trace(build(name), INPUTS.get(name, GRID))) == FUNCTIONS[name]


def test_forward_runs_once() -> None:
    """A trace runs the model's forward a single time, whatever is kept."""
    calls = []
    model = Runs(lambda x: (calls.append(1), x.sin())[1])
    for keep in ("all", None):
        trace(model, GRID, keep=keep)
    assert len(calls) == 2


@pytest.mark.parametrize("training", [False, True])
def test_encoder_layer_shows_its_inside(*, training: bool) -> None:
    """In eval without gradients, where torch has a fused kernel, the inside is seen as in train."""
    model = zoo_modules.Encoder().train(training)
    with torch.no_grad():
        traced = trace(model, SEQUENCE)
    found = set(types(traced).split())
    assert {"linear", "scaleddotproductattention", "layernorm", "dropout", "add"} <= found
    assert "transformerencoderlayerfwd" not in found
    assert traced.complete


def test_encoder_layer_has_the_numbers_of_the_fused_kernel() -> None:
    """The opened layer computes what torch's fused kernel computes, up to rounding."""
    seed()
    model = zoo_modules.Encoder().eval()
    with torch.no_grad():
        traced = trace(model, SEQUENCE)
        torch.testing.assert_close(traced.ops[-1].value, model(SEQUENCE))


def test_recurrent_nets_are_one_op_each() -> None:
    """GRU and packed LSTM are one call, with an op per output tensor and all their parameters."""
    gru = [op for op in trace(zoo_modules.Gated(), SEQUENCE).ops if op.name == "gru"]
    lstm = [op for op in trace(zoo_modules.Packed(), SEQUENCE).ops if op.name == "lstm"]
    assert ([op.output_index for op in gru], len(gru[0].parameters)) == ([0, 1], 4)
    assert ([op.output_index for op in lstm], len(lstm[0].parameters)) == ([0, 1, 2], 4)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        (
            "WeightNorm",
            {
                "fc.parametrizations.weight.original0",
                "fc.parametrizations.weight.original1",
                "fc.bias",
            },
        ),
        ("SpectralNorm", {"fc.parametrizations.weight.original", "fc.bias"}),
        ("Pruned", {"fc.weight_orig", "fc.bias"}),
        ("HyperNetwork", {"maker.weight", "maker.bias"}),
    ],
)
def test_computed_weights_lead_back_to_what_they_are_computed_from(name, parameters) -> None:
    """A weight that is computed is an op, and every parameter behind it is read by some op."""
    traced = trace(build(name).train(), GRID)
    assert {one for op in traced.ops for one in op.parameters} == parameters
    assert len(traced[traced.layers[-2].label].parents) == 2
    assert traced.complete


def test_spectral_norm_in_train_mode_validates() -> None:
    """The power iteration that rewrites its buffers at each forward is followed."""
    report = validate(build("SpectralNorm").train(), GRID)
    assert report.ok, str(report)


def test_pruning_mask_is_a_buffer() -> None:
    """The mask is read as a buffer, and the pruned weight is what linear reads."""
    model = build("Pruned")
    traced = trace(model, GRID)
    assert torch.equal(traced.ops[-1].value, model(GRID))
    assert "fc.weight_mask" in {name for op in traced.ops for name in op.buffers}
    assert int((traced["mul_1"].value == 0).sum()) == 2


def test_lazy_linear_is_traced_at_its_first_call() -> None:
    """A lazy module gets its shape in the traced pass; its op lists its parameters."""
    model = zoo_modules.Lazy()
    op = trace(model, GRID)["linear_1"]
    assert op.parameters == ("fc.weight", "fc.bias")
    assert torch.equal(op.value, model(GRID))


def test_linear_made_inside_forward() -> None:
    """A module that no module holds has a call of its own and its op's value."""
    traced = traced_like_plain(zoo.MadeInForward(), torch.ones(1, 5))
    assert where(traced, traced["linear_1"]) == "<Linear>"


def test_module_in_a_plain_list_is_seen() -> None:
    """A module that is not registered has a call and a name of its own."""
    traced = trace(zoo_modules.ModuleInAList(), GRID)
    assert where(traced, traced["linear_1"]) == "<Linear>"


def test_identity_chain_has_an_op_per_module() -> None:
    """Three Identities in a row are three ops, each the output of its module, with one value."""
    traced = trace(zoo_modules.Identities(), GRID)
    assert types(traced) == "sin identity identity identity add"
    for number in range(3):
        op = traced[f"chain.{number}"]
        assert op.label == f"identity_{number + 1}_{number + 2}"
        assert torch.equal(op.value, GRID.sin())
    assert traced["chain"].label == "identity_3_4"


def test_container_that_returns_its_input_has_an_op() -> None:
    """An empty Sequential can be looked up, and what follows reads its op."""
    traced = trace(zoo_modules.EmptyContainer(), GRID)
    assert traced["nothing"].label == "identity_1_1"
    assert parents(traced, "add_1") == ["identity_1_1"]


def test_shared_module_is_one_module_with_two_calls() -> None:
    """A module at two addresses is called twice under its first one; its layer has two passes."""
    traced = trace(zoo_modules.SharedModule(), GRID)
    calls = [(call.address, call.number) for call in traced.module_calls]
    assert calls == [("", 1), ("first", 1), ("first", 2)]
    assert len(traced.layer("linear_1").ops) == 2


def test_other_method_stands_in_its_caller() -> None:
    """A method other than forward is no module call, but the modules it calls are."""
    traced = trace(zoo_modules.OtherMethod(), GRID)
    assert [call.address for call in traced.module_calls] == ["", "inner.fc"]
    assert where(traced, traced["sin_1"]) == ""


def test_forward_called_directly_is_no_module_call() -> None:
    """`module.forward` leaves the op and its parameters, in the module that called it."""
    traced = trace(zoo_modules.ForwardDirectly(), GRID)
    assert where(traced, traced["linear_1"]) == ""
    assert traced["linear_1"].parameters == ("fc.weight", "fc.bias")


def test_hooks_that_replace_values_are_inside_the_call() -> None:
    """What the user's hooks compute is in the module, and its output is what they returned."""
    traced = traced_like_plain(zoo_modules.Hooked())
    assert types(traced) == "mul linear tanh add"
    assert {where(traced, traced[key]) for key in ("mul_1", "linear_1", "tanh_1")} == {"fc"}
    assert traced["fc"].label == "tanh_1_3"
    assert parents(traced, "linear_1") == ["mul_1_1"]


@contextlib.contextmanager
def recursion_limit(limit: int) -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("levels", [100, 240])
def test_deep_towers(levels: int) -> None:
    """A tower is traced under the usual recursion limit, which stays what it was."""
    limit = sys.getrecursionlimit()
    model = zoo_modules.Deep(levels)
    with recursion_limit(10 * levels + limit):
        plain = model(GRID)
    traced = trace(model, GRID)
    assert torch.equal(traced.ops[-1].value, plain)
    assert len(containing_calls(traced, traced["linear_1"])) == levels + 1
    assert sys.getrecursionlimit() == limit
