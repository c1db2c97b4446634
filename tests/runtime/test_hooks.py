"""Hooks give a trace's values, leave the pass early, and leave nothing behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline.runtime.hooks import Tap, catching, hooked, run_caught
from lens_pipeline.tracer.rerun import StructureError
from tests.runtime.models import Catching, Chain, Repeated, Rounds

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


def taps(*places: tuple[str, int], copied: bool = False) -> list[Tap]:
    """Taps on (address, call) of modules that return one tensor, numbered as Ops from 0."""
    return [Tap(op, name, call, 0, 1, copied) for op, (name, call) in enumerate(places)]


def test_values_are_those_of_a_plain_hook() -> None:
    """Each call of a module is told from the others."""
    model, seen = Repeated(), []
    handle = model.step.register_forward_hook(lambda _m, _a, out: seen.append(out.clone()))
    model(X)
    handle.remove()
    with hooked(model, taps(("step", 1), ("step", 2)), model_name="m") as forward:
        values = forward(X)
    assert all(torch.equal(values[op], seen[op]) for op in (0, 1))
    assert not any(value.requires_grad for value in values.values())


def test_a_module_with_two_outputs_has_two_taps() -> None:
    """Tensors are counted in the order of what a module returns."""
    model = Repeated()
    both = [Tap(0, "pair", 1, 1, 2), Tap(1, "pair", 1, 0, 2)]
    with hooked(model, both, model_name="m") as forward:
        values = forward(X)
    assert torch.allclose(values[0] / 2 + 1, values[1])


def test_the_pass_stops_after_the_last_tap() -> None:
    """What comes later does not run; the next pass starts afresh and the hooks go."""
    model = Chain()
    with hooked(model, taps(("first", 1)), model_name="m") as forward:
        forward(X)
        forward(X)
    assert model.last.runs == 0
    assert not any(module._forward_hooks for module in model.modules())
    model(X)
    assert model.last.runs == 1


@pytest.mark.parametrize(("kind", "runs"), [(Exception, 0), (BaseException, 1)])
def test_a_model_that_catches_exceptions_is_not_misled(kind: type, runs: int) -> None:
    """A model that catches Exception is left all the same; one that catches all runs on unheard."""
    model = Catching(kind)
    with hooked(model, taps(("inner", 1)), model_name="m") as forward:
        values = forward(X)
    assert torch.equal(values[0], model.inner(X))
    assert model.after.runs == runs


def test_a_pass_of_someone_else_is_not_heard() -> None:
    """Two captures of one model do not stop each other, and a plain call runs to its end."""
    model = Chain()
    with (
        hooked(model, taps(("first", 1)), model_name="m") as short,
        hooked(model, taps(("second", 1), copied=True), model_name="m") as longer,
    ):
        assert short(X).keys() == longer(X).keys() == {0}
        model(X)
    assert model.last.runs == 1


def test_an_error_of_the_model_passes_through() -> None:
    """Hooks and random numbers are as before, also after an exception."""
    model, state = Chain(), torch.get_rng_state()
    with (
        pytest.raises(RuntimeError, match="shapes cannot be multiplied"),
        hooked(model, taps(("last", 1)), model_name="m") as forward,
    ):
        forward(torch.zeros(3, 9))
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), state)


def test_gradient_mode_and_autocast_are_left_as_they_were() -> None:
    """The private exception unwinds contexts that the model has opened."""

    class Contexts(Chain):
        def forward(self, x):
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                return super().forward(x)

    with hooked(Contexts(), taps(("first", 1)), model_name="m") as forward:
        forward(X)
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")


def test_a_copy_is_taken_only_where_it_is_asked_for() -> None:
    """A value that is overwritten later is told; a copy stays what it was."""
    model = Chain()
    with torch.no_grad():
        plain = model.second(torch.tanh(model.first(X)))
        with catching(model, taps(("second", 1)), stop=False) as catch:
            run_caught(model, X, catch)
            assert catch.overwritten() == {0}
            assert torch.equal(catch.values[0], plain.relu())
        with catching(model, taps(("second", 1), copied=True), stop=False) as catch:
            run_caught(model, X, catch)
            assert not catch.overwritten()
            assert torch.equal(catch.values[0], plain)


def test_a_module_called_less_often_is_named() -> None:
    """One round less than there are taps for."""
    model = Rounds()
    with hooked(model, taps(("step", 1), ("step", 2)), model_name="rounds") as forward:
        forward(X)
        model.rounds = 1
        with pytest.raises(
            StructureError,
            match=r"rounds called step 1 times, .* where the output of call 2 was expected",
        ):
            forward(X)


def test_a_module_called_more_often_is_named() -> None:
    """One round more before the last tap."""
    model = nn.Sequential(Rounds(), nn.Identity())
    with hooked(model, taps(("0.step", 1), ("1", 1)), model_name="rounds") as forward:
        forward(X)
        model[0].rounds = 3
        with pytest.raises(StructureError, match=r"called 0.step 3 times where it called it 2"):
            forward(X)


def test_another_shape_or_number_of_outputs_is_named() -> None:
    """What a module returns stays what it returned for the first batch."""
    model = nn.Sequential(nn.Identity(), nn.Identity())
    with hooked(model, taps(("0", 1)), model_name="m") as forward:
        forward(X)
        with pytest.raises(StructureError, match=r"shape \(3, 2\) where \(3, 4\) came before"):
            forward(X[:, :2])
    with (
        hooked(model, [Tap(0, "0", 1, 0, 2)], model_name="m") as forward,
        pytest.raises(StructureError, match="another number of tensors than 2"),
    ):
        forward(X)


def test_a_late_write_is_told() -> None:
    """A module that overwrites what it left alone before gives no wrong value."""
    with (
        torch.no_grad(),
        hooked(Chain(), taps(("second", 1), ("last", 1)), model_name="m") as forward,
        pytest.raises(StructureError, match="overwrote the output of second"),
    ):
        forward(X)
