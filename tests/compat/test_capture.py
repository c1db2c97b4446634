"""Arguments, seeds, two runs for chosen layers, and what is left unchanged."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lens_pipeline.compat import torchlens as tl
from lens_pipeline.compat.capture import arguments_of
from lens_pipeline.errors import PostfunctionError, TraceError
from lens_pipeline.tracer.run import Inputs


class Two(nn.Module):
    def forward(self, a, b=1, *, c=0):
        return a * b + c


class One(nn.Module):
    def forward(self, xs):
        return torch.cat(list(xs))


class ByPosition(nn.Module):
    def forward(self, a, /, *, c):
        return a + c


class Named(nn.Module):
    def forward(self, a, **more):
        return a + more["c"]


X, Y = torch.ones(2), torch.zeros(2)


@pytest.mark.parametrize(
    ("model", "args", "kwargs", "expected"),
    [
        (Two(), X, None, (X,)),
        (Two(), [X, Y], None, (X, Y)),
        (Two(), (X,), {"b": Y}, (X, Y)),
        (Two(), X, {"c": Y}, Inputs((X,), {"c": Y})),
        (Two(), None, {"a": X}, (X,)),
        (One(), [X, Y], None, ([X, Y],)),
        (One(), [[X, Y]], None, ([X, Y],)),
        (One(), {"a": X}, None, ({"a": X},)),
        (Named(), X, {"c": Y}, Inputs((X,), {"c": Y})),
        (ByPosition(), X, {"c": Y}, Inputs((X,), {"c": Y})),
    ],
)
def test_arguments(model: nn.Module, args: Any, kwargs: Any, expected: Any) -> None:
    """Tensors, lists, and keywords become what forward is called with."""
    assert str(arguments_of(model, args, kwargs)) == str(expected)


def test_arguments_that_do_not_fit() -> None:
    """Arguments that forward cannot take together are refused with its signature."""
    with pytest.raises(TraceError, match=r"Two.forward\(a, b=1, \*, c=0\) cannot be called: got"):
        tl.log_forward_pass(Two(), X, {"d": Y})


def test_what_is_no_model() -> None:
    """A function is refused by a sentence, whatever its arguments."""
    with pytest.raises(TraceError, match=r"A function cannot be traced; give a torch.nn.Module"):
        tl.log_forward_pass(_fails, X, {"a": 1})


def test_keyword_arguments_are_traced() -> None:
    """Arguments by position and by keyword are both inputs."""
    history = tl.log_forward_pass(Two(), X, {"b": Y, "c": X.clone()})
    assert len(history.input_layers) == 3
    assert torch.equal(history[-1].activation, X)


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.rand(2) + random.random()


def test_seed_repeats_and_leaves_no_mark() -> None:
    """The same seed gives the same noise, and the caller's generators stay where they are."""
    state, numbers = torch.get_rng_state(), random.getstate()
    one, other = (tl.log_forward_pass(Noise(), X, random_seed=5) for _ in range(2))
    assert torch.equal(one[-1].activation, other[-1].activation)
    different = tl.log_forward_pass(Noise(), X, random_seed=6)
    assert not torch.equal(one[-1].activation, different[-1].activation)
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == numbers
    assert one.random_seed_used == 5


def test_seed_starts_every_generator() -> None:
    """The seed is Python's, NumPy's and torch's."""

    class Draws(nn.Module):
        def forward(self, x):
            return x + random.random(), x + np.random.rand(), x + torch.rand(1)

    outputs = [tl.log_forward_pass(Draws(), X, random_seed=seed) for seed in (1, 2)]
    for place in range(-3, 0):
        one, other = (history[place].activation for history in outputs)
        assert not torch.equal(one, other)


def test_chosen_layers_of_a_random_model() -> None:
    """Both runs draw the same numbers, so that what is chosen is what all would have been."""
    every = tl.log_forward_pass(Noise(), X, random_seed=5)
    chosen = tl.log_forward_pass(Noise(), X, random_seed=5, layers_to_save=["rand"])
    assert torch.equal(chosen["rand"].activation, every["rand"].activation)


def test_choosing_runs_the_model_once_for_its_state() -> None:
    """Running statistics of a training model advance by one pass."""
    model = nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()).train()
    tl.log_forward_pass(model, torch.rand(4, 3), layers_to_save=["relu"])
    assert model[0].num_batches_tracked == 1


class Counting(nn.Module):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def forward(self, x):
        self.calls += [1] if isinstance(self.calls, list) else 1
        odd = (self.calls if isinstance(self.calls, int) else len(self.calls)) % 2
        return x.relu() if odd else x.tanh().relu()


def test_choosing_puts_a_counter_back() -> None:
    """An attribute that forward sets is as it was when the second run begins."""
    model = Counting(0)
    assert len(tl.log_forward_pass(model, X, layers_to_save=["relu"]).trace.ops) == 3
    assert model.calls == 1


def test_model_that_takes_another_way() -> None:
    """Where the second run differs from the first, the choice cannot be honoured."""
    with pytest.raises(TraceError, match=r"Counting took another way .* became .* use layers_to_s"):
        tl.log_forward_pass(Counting([]), X, layers_to_save=["relu"])


def test_inputs_are_not_written() -> None:
    """A model that writes to its input does so once, as it does without the room."""

    class Writes(nn.Module):
        def forward(self, x):
            return x.add_(1) * 2

    x = torch.zeros(2)
    chosen = tl.log_forward_pass(Writes(), x, layers_to_save=["mul"])
    assert torch.equal(x, torch.ones(2))
    assert torch.equal(chosen["mul"].activation, torch.full((2,), 2.0))


def test_output_device() -> None:
    """Saved values go to the device asked for."""
    history = tl.log_forward_pass(nn.ReLU(), X, output_device="meta", layers_to_save=["relu"])
    assert history["relu"].activation.device.type == "meta"


def test_postfunction_that_fails() -> None:
    """A failing function is named with the operation and the shape it was given."""
    with pytest.raises(PostfunctionError, match=r"relu .*\(2,\).*ValueError: no"):
        tl.log_forward_pass(nn.ReLU(), X, layers_to_save=["relu"], activation_postfunc=_fails)


def _fails(_: torch.Tensor) -> torch.Tensor:
    message = "no"
    raise ValueError(message)
