"""The four CORnets: published names and sizes, time steps, and a forward pass written twice."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lens_pipeline.models.cornet import CORNETS, cornet_r, cornet_rt, cornet_s, cornet_z

AREAS = ("V1", "V2", "V4", "IT")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def outputs_by_hook(net: nn.Module, images: Tensor, *addresses: str) -> dict[str, list[Tensor]]:
    """What plain forward hooks see at each address, one tensor per call."""
    seen: dict[str, list[Tensor]] = defaultdict(list)
    for address in addresses:
        net.get_submodule(address).register_forward_hook(
            lambda _module, _given, out, address=address: seen[address].append(out.clone())
        )
    with torch.no_grad():
        net.eval()(images)
    return seen


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        ("cornet_z", (1, 1, 1, 1)),
        ("cornet_r", (5, 5, 5, 5)),
        ("cornet_rt", (5, 5, 5, 5)),
        ("cornet_s", (1, 2, 4, 2)),
    ],
)
def test_each_area_gives_one_output_a_time_step(name: str, passes: tuple[int, ...]) -> None:
    """`V1.output` and its kin are called once a time step, and the decoder once."""
    images = torch.randn(1, 3, 64, 64)
    seen = outputs_by_hook(
        CORNETS[name](), images, *(f"{area}.output" for area in AREAS), "decoder.avgpool"
    )
    assert tuple(len(seen[f"{area}.output"]) for area in AREAS) == passes
    assert [tuple(seen[f"{area}.output"][-1].shape) for area in AREAS] == [
        (1, 64, 16, 16),
        (1, 128, 8, 8),
        (1, 256, 4, 4),
        (1, 512, 2, 2),
    ]
    assert len(seen["decoder.avgpool"]) == 1


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("cornet_z", 2_071_656),
        ("cornet_r", 5_208_936),
        ("cornet_rt", 5_208_936),
        ("cornet_s", 53_416_616),
    ],
)
def test_the_number_of_parameters(name: str, number: int) -> None:
    """The parameters add up to the numbers that follow from the four architectures."""
    assert sum(value.numel() for value in CORNETS[name]().parameters()) == number


def test_the_names_in_z_are_the_published_ones() -> None:
    """CORnet-Z's state dict has a convolution with bias per area."""
    expected = [f"{area}.conv.{kind}" for area in AREAS for kind in ("weight", "bias")]
    assert list(cornet_z().state_dict()) == [*expected, "decoder.linear.weight", *LINEAR_BIAS]


@pytest.mark.parametrize("builder", [cornet_r, cornet_rt])
def test_the_names_in_r_and_rt_are_the_published_ones(builder: object) -> None:
    """Both recurrent nets have two convolutions and two group norms an area."""
    own = ["conv_input.weight", "conv_input.bias", "norm_input.weight", "norm_input.bias"]
    own += ["conv1.weight", "norm1.weight", "norm1.bias"]
    expected = [f"{area}.{name}" for area in AREAS for name in own]
    assert callable(builder)
    assert list(builder().state_dict()) == [*expected, "decoder.linear.weight", *LINEAR_BIAS]


def test_the_names_in_s_are_the_published_ones() -> None:
    """CORnet-S shares its convolutions over steps and has three norms of its own a step."""
    expected = {"V1.conv1.weight", "V1.conv2.weight", "decoder.linear.weight", *LINEAR_BIAS}
    expected |= _norm("V1.norm1") | _norm("V1.norm2")
    for area, steps in (("V2", 2), ("V4", 4), ("IT", 2)):
        shared = ("conv_input", "skip", "conv1", "conv2", "conv3")
        expected |= {f"{area}.{name}.weight" for name in shared} | _norm(f"{area}.norm_skip")
        for kind, step in itertools.product((1, 2, 3), range(steps)):
            expected |= _norm(f"{area}.norm{kind}_{step}")
    assert set(cornet_s().state_dict()) == expected


def test_early_passes_of_rt_do_not_depend_on_the_image() -> None:
    """Until the signal arrives an area is constant: V2 1 pass, V4 2, IT 3, and no more."""
    seen = outputs_by_hook(
        cornet_rt(), torch.randn(2, 3, 64, 64), *(f"{area}.output" for area in AREAS)
    )
    constant = [[bool((out[0] == out[1]).all()) for out in seen[f"{a}.output"]] for a in AREAS]
    assert [sum(flags) for flags in constant] == [0, 1, 2, 3]
    assert all(flags == sorted(flags, reverse=True) for flags in constant)


def test_only_the_first_pass_of_r_does_not_depend_on_the_image() -> None:
    """From the second step on, a signal crosses all areas of CORnet-R at once."""
    seen = outputs_by_hook(
        cornet_r(), torch.randn(2, 3, 64, 64), *(f"{area}.output" for area in AREAS)
    )
    constant = [[bool((out[0] == out[1]).all()) for out in seen[f"{a}.output"]] for a in AREAS]
    assert constant == [[False] * 5] + [[True, False, False, False, False]] * 3


@pytest.mark.parametrize(("builder", "delay"), [(cornet_r, 0), (cornet_rt, 1)])
def test_what_an_area_reads(builder: object, delay: int) -> None:
    """V2 reads V1's output of the same step in R, of the step before in RT."""
    assert callable(builder)
    net = builder()
    read: list[Tensor] = []
    net.V2.conv_input.register_forward_pre_hook(lambda _, given: read.append(given[0].clone()))
    seen = outputs_by_hook(net, torch.randn(1, 3, 32, 32), "V1.output")["V1.output"]
    assert len(read) == 4
    for step, signal in enumerate(read, start=1):
        assert torch.equal(signal, seen[step - delay])


def test_a_recurrent_net_can_run_for_other_numbers_of_steps() -> None:
    """`times` sets the number of passes."""
    seen = outputs_by_hook(cornet_rt(times=2), torch.randn(1, 3, 32, 32), "IT.output")
    assert len(seen["IT.output"]) == 2


def test_the_first_step_of_an_s_area_halves_the_image() -> None:
    """`conv2` has stride 2 in its first pass alone, and the module stays as it was."""
    net = cornet_s()
    seen = outputs_by_hook(net, torch.randn(1, 3, 64, 64), "V4.conv1", "V4.conv2")
    assert [out.shape[-1] for out in seen["V4.conv1"]] == [8, 4, 4, 4]
    assert [out.shape[-1] for out in seen["V4.conv2"]] == [4, 4, 4, 4]
    assert net.get_submodule("V4.conv2").stride == (1, 1)


def test_s_agrees_with_its_arithmetic_written_out() -> None:
    """Forward pass of CORnet-S = the same formulas applied to its state dict, without modules."""
    net = cornet_s().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(net(images), _written_out(net.state_dict(), images))


LINEAR_BIAS = ("decoder.linear.bias",)


def _norm(name: str) -> set[str]:
    kinds = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {f"{name}.{kind}" for kind in kinds}


def _written_out(state: dict[str, Tensor], x: Tensor) -> Tensor:
    def conv(name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return functional.conv2d(x, state[f"{name}.weight"], None, stride, padding)

    def norm(name: str, x: Tensor) -> Tensor:
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return functional.batch_norm(x, mean, var, state[f"{name}.weight"], state[f"{name}.bias"])

    x = functional.relu(norm("V1.norm1", conv("V1.conv1", x, 2, 3)))
    x = functional.max_pool2d(x, 3, 2, 1)
    x = functional.relu(norm("V1.norm2", conv("V1.conv2", x, 1, 1)))
    for area, steps in (("V2", 2), ("V4", 4), ("IT", 2)):
        x = conv(f"{area}.conv_input", x)
        for t in range(steps):
            around = norm(f"{area}.norm_skip", conv(f"{area}.skip", x, 2)) if t == 0 else x
            x = functional.relu(norm(f"{area}.norm1_{t}", conv(f"{area}.conv1", x)))
            x = conv(f"{area}.conv2", x, 2 if t == 0 else 1, 1)
            x = functional.relu(norm(f"{area}.norm2_{t}", x))
            x = functional.relu(norm(f"{area}.norm3_{t}", conv(f"{area}.conv3", x)) + around)
    weight, bias = state["decoder.linear.weight"], state["decoder.linear.bias"]
    return functional.linear(x.mean((2, 3)), weight, bias)
