"""The memory that a plan announces, against what processes really take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from lens_pipeline.pipeline.memory import DECODED, Need, forward_moments, worker_need
from lens_pipeline.tracer.run import trace

ROOT = Path(__file__).parents[2]
MEGABYTE = 1 << 20

# Probe and three batches in a process of its own: what is announced, and the peak of all of it.
SCRIPT = """
import dataclasses, json, re, sys
from pathlib import Path
from lens_pipeline import keep_pages
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.job.inputs import find_inputs
from lens_pipeline.pipeline.job.probing import plan_run, attributes
from lens_pipeline.pipeline.job.run import Orders, extracting
from lens_pipeline.pipeline.job.plan import make_plan
keep_pages()
plain, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
config = read_config(plain)
inputs = find_inputs(config)
plan, probed = plan_run(config, inputs, folder=folder, earlier=None)
orders = Orders(probed.loaded.spec, probed.structure, "cpu", 1, folder, attributes(plan))
first = plan.tasks[0]
fields = ("ids", "files", "file_digests")
task = dataclasses.replace(
    first, **{name: sum((getattr(one, name) for one in plan.tasks), ()) for name in fields}
)
with extracting({"": orders}, "", loaded=probed.loaded) as work:
    work(task, lambda *_: None)
# not getrusage, which remembers the memory of the process that this one was started from
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
print(json.dumps([plan.outline.need.peak(config.runtime.batch_size), peak]))
"""


def test_lifetimes_of_a_chain() -> None:
    """Two outputs of one size at a time, three where the caller still names the first."""
    chain = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Tanh())
    traced = trace(chain.eval(), (torch.rand(2, MEGABYTE // 8),), keep=None)
    assert max(size for size, _ in forward_moments(traced, kept=())) == 3 * MEGABYTE
    every = [op.index for op in traced.ops]
    assert max(size for size, _ in forward_moments(traced, kept=every)) == 5 * MEGABYTE


def test_the_weights_of_a_convolution_count_once_more() -> None:
    """Whatever the batch; the moments that are no peak for any batch are left out."""
    model = nn.Sequential(nn.Conv2d(3, 64, 5, padding=2), nn.ReLU()).eval()
    traced = trace(model, (torch.rand(2, 3, 16, 16),), keep=None)
    need = worker_need(traced, kept=(), copied=0, resident=0)
    ((each, fixed),) = need.moments
    assert fixed == 4 * (64 * 3 * 25 + 64)
    assert each == 4 * 16 * 16 * (3 + 64 + 3 + 64 + DECODED * 3)


def test_what_is_kept_counts_for_the_batch_that_is_written_too() -> None:
    """And once more each time where what is written is made of it."""
    chain = nn.Sequential(nn.ReLU(), nn.Tanh()).eval()
    traced = trace(chain, (torch.rand(2, MEGABYTE // 8),), keep=None)
    last = traced.ops[-2].index
    half = MEGABYTE // 2
    plain, made = (
        worker_need(traced, kept=[last], copied=copied, resident=0) for copied in (0, half)
    )
    alive = 3 * half  # input, ReLU, Tanh
    assert plain.moments == ((alive + half + DECODED * half, 0),)
    assert made.moments == ((alive + 2 * half + DECODED * half, 0),)


def test_the_largest_batch_fits_and_one_more_does_not() -> None:
    """For a need with two moments, either of which may be the peak."""
    need = Need(1000, ((30, 10), (10, 500)))
    for room in range(need.peak(1), need.peak(60), 7):
        batch = need.largest_batch(room)
        assert need.peak(batch) <= room < need.peak(batch + 1)
    assert need.largest_batch(10) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "batch"), [("alexnet", 16), ("resnet18", 16), ("cornet_s", 8), ("cornet_rt", 16)]
)
def test_the_announced_peak_is_within_a_quarter(model: str, batch: int, tmp_path: Path) -> None:
    """Of what the operating system says that the process took at most."""
    plain = {
        "model": {
            "source": "cornet" if model.startswith("cornet") else "torchvision",
            "name": model,
            "weights": "random",
            "preprocessing": {"resize": 112, "resize_mode": "squash", "crop": 112},
        },
        "stimuli": {"source": "sample", "name": "sample", "limit": 48},
        "runtime": {"batch_size": batch, "certify": False},
    }
    words = [sys.executable, "-c", SCRIPT, json.dumps(plain), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    announced, peak = json.loads(done.stdout.splitlines()[-1])
    assert announced == pytest.approx(peak, rel=0.25)
