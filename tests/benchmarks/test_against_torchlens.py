"""The tracer over a plain forward pass and beside torchlens, interleaved in one run.

Run with `pytest tests/benchmarks/test_against_torchlens.py -m benchmark -s`; it prints a table at
its end. Ratios are medians over rounds, in each of which plain, ours and theirs take turns. All
times are processor time of one thread, so that other work on the machine disturbs them little.
Where torchlens is not installed its column stays empty.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from lens_pipeline import trace, validate
from tests.benchmarks.tracer_models import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # asked (what, model), the torchlens process answers with a number
    Ask = Callable[[str, str], float | None]

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
PRESENT = importlib.util.find_spec("torchlens") is not None

# model -> most times a plain forward pass, at 224 x 224 and batch 1
LIMITS = {"resnet50": 1.25, "swin_v2_t": 1.4, "vit_b_16": 1.1}
MICROSECONDS = 30
HEAP_BYTES = 4096
IMPORT_SECONDS = 0.3
VALIDATION_LIMIT = 40
MEMORY_LIMIT = 1.2


def environment() -> dict[str, str]:
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def theirs() -> Iterator[Ask]:
    """A function of (what, model) that returns torchlens's number, or None where it is absent."""
    if not PRESENT:
        yield lambda *_: None
        return
    command = [sys.executable, "-m", "tests.benchmarks.torchlens_process"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment(), **pipes) as process:  # type: ignore[call-overload]

        def ask(what: str, model: str) -> float:
            process.stdin.write(json.dumps({"what": what, "model": model}) + "\n")
            process.stdin.flush()
            return float(json.loads(process.stdout.readline()))

        yield ask
        process.stdin.close()


@pytest.fixture(scope="module")
def table() -> Iterator[Callable[..., None]]:
    """A function that adds a row; the table is printed after the last test."""
    rows: list[str] = []

    def add(what: str, limit: str, ours: str, other: str | None) -> None:
        rows.append(f"| {what} | {limit} | {ours} | {other or '-'} |")

    yield add
    head = ("| work | to reach | this tracer | torchlens |", "| --- | --- | --- | --- |")
    print("", "", *head, *rows, sep="\n")


def seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    kept = action()
    found = time.process_time() - start
    del kept
    gc.collect()
    return found


def median(values: list[float]) -> float:
    return statistics.median(values)


def _times(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}x"


@pytest.mark.parametrize("name", LIMITS)
def test_full_trace_over_plain_forward(name: str, theirs: Ask, table: Any) -> None:
    """Every value kept and every fact written down."""
    model, x = build(name)
    ours, others = [], []
    with torch.no_grad():
        trace(model, x)
        theirs("trace", name)
        for number in range(9):
            model(x)
            plain = seconds(lambda: model(x))
            ours.append(seconds(lambda: trace(model, x)) / plain)
            # it takes about ten times as long, so a third of the rounds has to do
            other = theirs("trace", name) if number % 3 == 0 else None
            others += [] if other is None else [other / plain]
    found = median(ours)
    what = f"full trace, {name}, over a plain forward"
    table(what, f"{LIMITS[name]}x", _times(found), _times(median(others) if others else None))
    assert found <= LIMITS[name]


@pytest.mark.parametrize("kind", ["flat", "loop"])
def test_cost_of_a_tiny_op_stays_the_same(kind: str, theirs: Ask, table: Any) -> None:
    """Per operation, over the plain forward pass: the same for 1,000 and for 100,000."""
    each: dict[int, float] = {}
    with torch.no_grad():
        for n, rounds in ((1_000, 9), (10_000, 5), (100_000, 3)):
            model, x = build(f"{kind} {n}")
            trace(model, x)
            extra = [
                seconds(lambda m=model, y=x: trace(m, y)) - seconds(lambda m=model, y=x: m(y))
                for _ in range(rounds)
            ]
            each[n] = median(extra) / n * 1e6
        theirs("trace", f"{kind} 1000")
        others = [theirs("trace", f"{kind} {n}") for n in (1_000, 4_000)]
    shown = None
    if None not in others:
        shown = " / ".join(
            f"{t / n * 1e6:.0f}" for t, n in zip(others, (1_000, 4_000), strict=True)
        )
        shown += " us (1,000 / 4,000)"
    found = " / ".join(f"{value:.1f}" for value in each.values()) + " us"
    what = f"per tiny op, {kind}, 1,000 / 10,000 / 100,000 ops"
    table(what, f"{MICROSECONDS} us, flat", found, shown)
    assert max(each.values()) <= MICROSECONDS
    assert each[100_000] <= 1.5 * each[1_000]


def test_heap_per_op(theirs: Ask, table: Any) -> None:
    """Python objects that a trace without values holds on to, per operation."""
    model, x = build("flat 10000")
    trace(model, x, keep=None)
    gc.collect()
    tracemalloc.start()
    traced = trace(model, x, keep=None)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] / len(traced.ops)
    tracemalloc.stop()
    other = theirs("heap", "flat 1000")
    shown = None if other is None else f"{other:,.0f} bytes"
    table("Python heap per op, no values", f"{HEAP_BYTES:,} bytes", f"{held:,.0f} bytes", shown)
    assert held <= HEAP_BYTES


FIRST = """
import time, torch
model, x = torch.nn.Linear(5, 5), torch.rand(5, 5)
model(x)
start = time.perf_counter()
{first}
print(time.perf_counter() - start)
"""


def first_trace(first: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", FIRST.format(first=first)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])


def test_import_and_first_trace(table: Any) -> None:
    """What the tracer adds to a process that has imported torch."""
    ours, others = [], []
    for _ in range(5):
        ours.append(first_trace("from lens_pipeline import trace; trace(model, x)"))
        if PRESENT:
            others.append(first_trace("import torchlens; torchlens.trace(model, x)"))
    shown = f"{median(others):.2f} s" if others else None
    limit = f"{IMPORT_SECONDS} s"
    table("import and first trace, beyond torch", limit, f"{median(ours):.2f} s", shown)
    assert median(ours) <= IMPORT_SECONDS


def test_validation_over_plain_forward(theirs: Ask, table: Any) -> None:
    """ResNet-18 at 64 x 64: every operation proven."""
    model, x = build("resnet18@64")
    ours, others = [], []
    with torch.no_grad():
        validate(model, x)
        theirs("validate", "resnet18@64")
        for _ in range(7):
            plain = median([seconds(lambda: model(x)) for _ in range(3)])
            ours.append(seconds(lambda: validate(model, x)) / plain)
            other = theirs("validate", "resnet18@64")
            others += [] if other is None else [other / plain]
    shown = _times(median(others) if others else None)
    what = "validate, ResNet-18 at 64 x 64, over a plain forward"
    table(what, f"{VALIDATION_LIMIT}x", _times(median(ours)), shown)
    assert median(ours) <= VALIDATION_LIMIT


PEAK = """
import json, torch
from tests.benchmarks.tracer_models import build
from lens_pipeline import trace
def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) * 1024
torch.set_num_threads(1)
model, x = build("resnet50")
small, x = x[..., :32, :32], x.repeat(8, 1, 1, 1)
kept = 0
with torch.no_grad():
    model(small), {warm}
    before = memory("VmRSS")
    {run}
peak = memory("VmHWM")
{count}
print(json.dumps([peak - before, kept]))
"""


def peak(*, warm: str, run: str, count: str = "") -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(warm=warm, run=run, count=count)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    above, kept = json.loads(done.stdout.splitlines()[-1])
    return above, kept


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_peak_memory(table: Any) -> None:
    """ResNet-50, 8 images: a full trace needs a forward pass's memory and what it keeps."""
    plain, _ = peak(warm="None", run="model(x)")
    count = (
        "kept = sum({op.value.untyped_storage().data_ptr(): op.value.untyped_storage().nbytes()"
        " for op in kept_trace.ops}.values())"
    )
    ours, kept = peak(warm="trace(model, small)", run="kept_trace = trace(model, x)", count=count)
    ratio = ours / (plain + kept)
    shown = None
    if PRESENT:
        warm = "__import__('torchlens').trace(model, small)"
        run = "kept_trace = __import__('torchlens').trace(model, x)"
        other, _ = peak(warm=warm, run=run)
        shown = f"{other / (plain + kept):.2f}x"
    table("peak memory over plain forward + values", f"{MEMORY_LIMIT}x", f"{ratio:.2f}x", shown)
    assert ratio <= MEMORY_LIMIT
