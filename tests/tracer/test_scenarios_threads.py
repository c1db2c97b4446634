"""Threads, graphs that change with the input, scale, and what runs outside Python."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lens_pipeline import trace
from lens_pipeline.tracer.graph import first_difference
from lens_pipeline.tracer.rerun import StructureError, outline, rerun
from tests import zoo, zoo_dynamic
from tests.tracer.plain import GRID, modes, seed, traced_like_plain, types
from tests.zoo_values import Runs

# ---- threads -----------------------------------------------------------------------------------


def test_two_threads_trace_two_models() -> None:
    """Two traces at once, op by op in turn, are the two traces alone."""
    meet = threading.Barrier(2, timeout=30)

    class Waits(nn.Module):
        def __init__(self, *functions) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)
            self.functions = functions

        def forward(self, x):
            x = self.inner(x)
            for function in self.functions:
                meet.wait()
                x = function(x)
            return x

    models = [Waits(*[torch.sin] * 20), Waits(*[torch.cos] * 20)]
    found = [None, None]

    def run(number: int) -> None:
        found[number] = trace(models[number], GRID)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [types(traced) for traced in found] == [
        "linear " + " ".join(["sin"] * 20),
        "linear " + " ".join(["cos"] * 20),
    ]
    for traced, function, model in zip(found, (torch.sin, torch.cos), models, strict=True):
        expected = model.inner(GRID)
        for _ in range(20):
            expected = function(expected)
        assert torch.equal(traced.ops[-1].value, expected)
        assert not model.inner._forward_hooks


def test_overlapping_traces_leave_nothing_behind() -> None:
    """Of two traces in two threads, the one that began first ends first: all is as it was."""
    first_inside, second_inside, first_done = (threading.Event() for _ in range(3))

    def first(x):
        drawn = torch.rand(2)
        first_inside.set()
        second_inside.wait(30)
        return x + drawn

    def second(x):
        second_inside.set()
        first_done.wait(30)
        return x + torch.rand(2)

    def trace_first() -> None:
        trace(Runs(first), GRID)
        first_done.set()

    seed()
    before = modes()
    thread = threading.Thread(target=trace_first)
    thread.start()
    first_inside.wait(30)
    trace(Runs(second), GRID)
    thread.join()
    after = modes()
    threading.setprofile(before["profile of new threads"])
    sys.setrecursionlimit(before["recursion limit"])
    assert after == before


def test_background_thread_stays_out_of_the_trace() -> None:
    """Another thread that computes with torch, and calls modules, leaves no op in the trace."""
    stop, went = threading.Event(), threading.Event()
    other = nn.Linear(2, 2)

    def work() -> None:
        while not stop.is_set():
            torch.tanh(other(torch.ones(1, 2)))
            went.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        went.wait(30)
        for _ in range(5):
            traced = traced_like_plain(zoo.Recurrent(), torch.ones(2, 5))
            assert types(traced) == " ".join(["linear add mul"] * 4)
            assert traced.complete, traced.gaps
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "model",
    [zoo_dynamic.StartsAThread(), Runs(zoo_dynamic.function_in_a_thread)],
    ids=["module", "function"],
)
def test_thread_that_the_model_starts_is_reported(model: nn.Module) -> None:
    """What a thread of the model computes is not seen, so the trace is incomplete and says why."""
    traced = traced_like_plain(model)
    assert not traced.complete
    assert "thread" in " ".join(traced.gaps)


def test_thread_of_a_pool_is_reported() -> None:
    """What the model has a running thread compute is not seen, and the trace says so."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        traced = traced_like_plain(Runs(zoo_dynamic.function_in_a_pool(pool)))
    (gap,) = traced.gaps
    assert "(2, 2) that add read was made during the pass by no operation that was seen" in gap


def test_constant_beside_other_threads_is_no_gap() -> None:
    """A tensor that was there before the pass is not taken for the work of another thread."""
    constant = torch.rand(2, 2)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        assert trace(Runs(lambda x: x + constant + torch.ones(2)), GRID).complete


# ---- graphs that change with the input ---------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "difference"),
    [
        (zoo_dynamic.EarlyExit(), "output_1_4 (output) became linear_2_4"),
        (zoo_dynamic.Routed(), "linear_1_3 (linear) became linear_1_3"),
    ],
    ids=["early exit", "routing"],
)
def test_changed_graph_is_detected_and_named(model: nn.Module, difference: str) -> None:
    """The first op that differs between two inputs is named; equal graphs have no difference."""
    one, same, other = trace(model, GRID), trace(model, GRID * 2), trace(model, -GRID)
    assert first_difference(one, same) is None
    assert first_difference(one, other) == difference


def test_stochastic_depth_is_detected() -> None:
    """Other blocks left out by chance are another graph."""
    model = zoo_dynamic.StochasticDepth()
    found = set()
    for number in range(6):
        seed(number)
        found.add(first_difference(trace(model, GRID), trace(model, GRID)))
        seed(number)
        one = trace(model, GRID)
        seed(number + 1)
        found.add(first_difference(one, trace(model, GRID)))
    assert None in found
    assert len(found) > 1


def test_rerun_names_the_changed_graph() -> None:
    """New input over a known structure refuses another graph, naming where it parts."""
    model = zoo_dynamic.EarlyExit()
    known = outline(trace(model, GRID, keep=None))
    assert torch.equal(rerun(model, GRID * 2, known, keep=[1])[1], model.first(GRID * 2))
    with pytest.raises(StructureError, match="computed linear where output_1_4 came before"):
        rerun(model, -GRID, known, keep=[1])


# ---- scale -------------------------------------------------------------------------------------


class _Counts(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.n += 1
        return func(*args, **(kwargs or {}))


def chain(length: int) -> nn.Module:
    def run(x):
        for _ in range(length // 2):
            x = torch.sin(x) * 1.01
        return x

    return Runs(run)


def test_ten_thousand_ops() -> None:
    """10,000 ops are all there, as many as an independent mode counts."""
    model = chain(10_000)
    with _Counts() as counted:
        model(GRID)
    traced = trace(model, GRID)
    assert counted.n == sum(op.kind == "call" for op in traced.ops) == 10_000
    assert [len(layer.ops) for layer in traced.layers] == [1, 5_000, 5_000, 1]
    assert traced.complete


def test_time_per_op_does_not_grow() -> None:
    """An op of 10,000 costs about as much as one of 1,000; quadratic work would be ten times."""

    def seconds_per_op(length: int) -> float:
        model, best = chain(length), float("inf")
        for _ in range(3):
            start = time.perf_counter()
            trace(model, GRID, keep=None)
            best = min(best, time.perf_counter() - start)
        return best / length

    assert seconds_per_op(10_000) < 3 * seconds_per_op(1_000)


# ---- outside Python ----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_scripted_function_is_reported() -> None:
    """A function that runs outside Python is a gap, and its values are the plain ones."""
    scripted = torch.jit.trace(lambda x: torch.tanh(x) * 2, GRID)
    traced = trace(Runs(lambda x: scripted(x) + 1), GRID)
    assert not traced.complete
    assert any("tanh" in gap for gap in traced.gaps)
    assert torch.equal(traced.ops[-1].value, torch.tanh(GRID) * 2 + 1)


def test_trace_inside_a_trace() -> None:
    """A user's hook that traces another model gets its trace; the outer one has all of it too."""
    outer, inner = zoo.Siamese(), zoo.ThreeSines()
    traces = []
    handle = outer.m.register_forward_hook(lambda *_: traces.append(trace(inner, GRID, keep=None)))
    try:
        traced = trace(outer, torch.ones(1, 5))
    finally:
        handle.remove()
    assert [types(found) for found in traces] == ["sin sin sin"] * 2
    assert types(traced) == "linear relu sin sin sin mul linear relu sin sin sin sub"
    assert traced.complete, traced.gaps
