"""Buffers, caches, parameters, randomness and kinds of tensors, against plain torch."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.rerun import outline, rerun
from lens_pipeline.validation.checking import validate
from tests import zoo, zoo_kinds, zoo_values
from tests.tracer.plain import GRID, parents, seed, traced_like_plain
from tests.zoo_values import Runs


def test_buffer_rewritten_in_place_in_a_loop() -> None:
    """Each step reads what the step before wrote; the first reads the buffer."""
    traced = trace(zoo_values.BufferInALoop(), GRID)
    assert traced["mul_1_1:1"].buffers == ("state",)
    assert parents(traced, "mul_1_1:2") == ["add_1_3:1"]
    expected = torch.zeros(2)
    for index in traced.layer("add_1_3").ops:
        expected = expected * 0.5 + GRID.mean(0)
        assert torch.equal(traced.ops[index].value, expected)


def test_buffer_replaced_in_a_loop() -> None:
    """A buffer that becomes another tensor leads back to the op that made it."""
    traced = trace(zoo_values.BufferReplaced(), GRID)
    assert traced["mul_1_1:1"].buffers == ("state",)
    assert parents(traced, "mul_1_1:3") == ["add_1_3:2"]


def test_state_after_a_trace_is_that_of_a_plain_pass() -> None:
    """Buffers change in a trace exactly as in a forward pass, batch norm in train mode too."""
    for model in (zoo.ResidualBlock(), zoo_values.BufferInALoop(), zoo_values.BufferReplaced()):
        x = GRID if "Buffer" in type(model).__name__ else torch.rand(2, 3, 4, 4)
        plain = copy.deepcopy(model)
        plain(x)
        traced = trace(model, x)
        for one, other in zip(model.buffers(), plain.buffers(), strict=True):
            assert torch.equal(one, other)
        assert traced.complete


def test_batch_norm_in_train_mode_names_its_state() -> None:
    """The op lists running statistics as buffers and scale and shift as parameters."""
    op = trace(zoo.ResidualBlock(), torch.rand(2, 3, 4, 4))["batchnorm_1"]
    assert op.parameters == ("bn1.weight", "bn1.bias")
    assert set(op.buffers) == {"bn1.running_mean", "bn1.running_var"}


def test_tensor_cached_on_the_model_between_calls() -> None:
    """A tensor of an earlier call is a constant of the next one, and the edge to it is none."""
    model = zoo_values.CachedOnSelf()
    first, second = trace(model, GRID), trace(model, GRID)
    assert parents(first, "mul_1") == ["input_1_0", "ones_1_1"]
    assert parents(second, "mul_1") == ["input_1_0"]
    assert second.complete
    assert torch.equal(first.ops[-1].value, second.ops[-1].value)


def test_parameters_used_by_functional_calls() -> None:
    """The op that reads a parameter lists it, and what is computed from it follows by edges."""
    traced = traced_like_plain(zoo_values.ParameterByFunction())
    assert traced["t_1"].parameters == ("fc.weight",)
    assert traced["mul_1"].parameters == ("fc.bias",)
    assert parents(traced, "linear_1") == ["input_1_0", "t_1_1", "mul_1_2"]


RANDOM = [zoo_values.DropoutAndNoise(), Runs(zoo_values.seeds_inside)]


@pytest.mark.parametrize("model", RANDOM, ids=["noise", "seeds"])
def test_generators_go_on_as_if_no_trace_had_been(model: torch.nn.Module) -> None:
    """Python's, NumPy's and torch's generators are as before, also if forward seeds them."""
    seed()
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    trace(model, GRID)
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


def test_random_values_replay() -> None:
    """A trace from one seed repeats to the bit, and its ops validate in place."""
    model = zoo_values.DropoutAndNoise()
    seed()
    one = trace(model, GRID)
    seed()
    two = trace(model, GRID)
    for first, second in zip(one.ops, two.ops, strict=True):
        assert torch.equal(first.value, second.value)
    report = validate(model, GRID)
    assert {verdict.outcome for verdict in report.ops} == {"validated"}


def test_generator_of_its_own_is_not_advanced_twice() -> None:
    """A generator that the model holds draws as often as in a plain pass."""
    generator = torch.Generator().manual_seed(5)
    model = Runs(lambda x: x + torch.rand(x.shape, generator=generator))
    trace(model, GRID)
    again = torch.Generator().manual_seed(5)
    torch.rand(GRID.shape, generator=again)
    assert torch.equal(generator.get_state(), again.get_state())


def test_complex_values_are_kept_as_they_are() -> None:
    """A conjugate view of complex numbers has the value that torch computes."""
    traced = traced_like_plain(Runs(zoo_kinds.complex_numbers))
    assert traced["conj_1"].dtype is torch.complex64
    assert torch.equal(traced["conj_1"].value, torch.complex(GRID, -GRID).conj())


def test_shapes_of_nothing_and_of_one_number() -> None:
    """Empty and 0-d tensors are ops with their shape and bytes."""
    traced = trace(Runs(zoo_kinds.empty), GRID)
    assert (traced["cat_1"].shape, traced["cat_1"].nbytes) == ((0, 2), 0)
    assert trace(Runs(zoo_kinds.zero_dimensional), GRID)["sum_1"].shape == ()


def test_bfloat16_is_two_bytes_a_number() -> None:
    """16-bit values are kept in 16 bits."""
    op = trace(Runs(zoo_kinds.bfloat16), GRID)["matmul_1"]
    assert (op.dtype, op.value.dtype, op.nbytes) == (torch.bfloat16, torch.bfloat16, 8)


def test_channels_last_layout_is_kept() -> None:
    """A value has the strides of the tensor it is the value of."""
    seed()
    traced = traced_like_plain(zoo_kinds.ChannelsLast(), torch.rand(2, 3, 5, 5))
    for key in ("conv2d_1", "relu_1"):
        assert traced[key].value.is_contiguous(memory_format=torch.channels_last)


def test_sparse_values_stay_sparse() -> None:
    """A sparse value is kept sparse, with the numbers of the dense one."""
    op = trace(Runs(zoo_kinds.sparse_kept), GRID)["mul_1"]
    assert op.value.layout is torch.sparse_coo
    assert torch.equal(op.value.to_dense(), GRID * 2)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantised_values_stay_quantised() -> None:
    """A quantised value keeps its type and numbers."""
    op = trace(Runs(zoo_kinds.quantised), GRID)["quantizepertensor_1"]
    assert op.dtype is torch.qint8
    assert torch.equal(op.value.dequantize(), trace(Runs(zoo_kinds.quantised), GRID).ops[-1].value)


def test_subclass_is_followed() -> None:
    """A tensor that becomes one of a subclass still leads back to the input."""
    traced = trace(Runs(zoo_kinds.subclass), GRID)
    (before,) = traced["sin_1"].parents
    assert traced.ops[before].label in ("input_1_0", "assubclass_1_1")


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
def test_nested_tensors_are_a_named_error(layout: torch.layout) -> None:
    """A nested tensor, which has no shape, is refused by the name of the op that made it."""
    model = Runs(lambda x: torch.nested.nested_tensor([x, x[:1]], layout=layout))
    with pytest.raises(TraceError, match="nested tensor"):
        trace(model, GRID)


def test_deep_copy_is_an_op() -> None:
    """copy.deepcopy of a tensor is one op with the tensor as its parent."""
    traced = traced_like_plain(Runs(zoo_kinds.deep_copied))
    assert parents(traced, "deepcopy_1") == ["detach_1_2"]


class Copies(nn.Module):
    """Copies tensors without their memory."""

    def __init__(self, function) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(2))
        self.register_buffer("shift", torch.rand(2))
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def copies_a_result(_, x):
    return copy.copy(x * 2) + 1


def copies_then_writes(_, x):
    y = x * 2
    shallow = copy.copy(y)
    y.add_(1)
    return shallow * 3


def takes_the_memory(_, x):
    return torch.empty(0).set_(x) + 1


SHALLOW = {
    copies_a_result: ["mul_1_1"],
    (lambda _, x: copy.copy(x) + 1): ["input_1_0"],
    (lambda _, x: copy.copy((x * 2)[0]) + 1): ["getitem_1_2"],
    copies_then_writes: ["mul_1_1"],
    takes_the_memory: ["input_1_0"],
}


@pytest.mark.parametrize("function", SHALLOW, ids=lambda one: one.__name__)
def test_shallow_copy_keeps_the_lineage(function) -> None:
    """copy.copy gives a tensor the memory of another, of which it is an op; later writes count."""
    model = Copies(function)
    traced = traced_like_plain(model)
    assert traced.complete, traced.gaps
    assert parents(traced, "set_1") == SHALLOW[function]
    assert validate(model, GRID).ok
    known = outline(traced)
    last = len(known.names) - 1
    assert torch.equal(rerun(model, GRID, known, keep=[last])[last], traced.ops[-1].value)


def test_shallow_copy_of_state_is_state() -> None:
    """A copied buffer and a copied parameter are still read as what they are."""
    buffer = traced_like_plain(Copies(lambda m, x: copy.copy(m.shift) + x))
    assert buffer["set_1"].buffers == ("shift",)
    parameter = traced_like_plain(Copies(lambda m, x: copy.copy(m.weight) + x))
    assert parameter["add_1"].parameters == ("weight",)
    assert buffer.complete
    assert parameter.complete
