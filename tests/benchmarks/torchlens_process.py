"""Measures torchlens in a process of its own, one line of JSON asked and one answered at a time.

Of its own, because torchlens replaces functions of torch for as long as a process lives, which
would slow down whoever is measured beside it.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
import warnings
from typing import TYPE_CHECKING, Any

import torch
import torchlens

from tests.benchmarks.tracer_models import build

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Answer {"what": ..., "model": ...} with a number until the input ends."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    answer, sys.stdout = sys.stdout, sys.stderr
    models: dict[str, Any] = {}
    with torch.no_grad():
        for line in sys.stdin:
            asked = json.loads(line)
            if asked["model"] not in models:
                models = {asked["model"]: build(asked["model"])}
            number = WHAT[asked["what"]](*models[asked["model"]])
            answer.write(json.dumps(number) + "\n")
            answer.flush()


def trace_seconds(model: torch.nn.Module, x: torch.Tensor) -> float:
    """Return the processor seconds of a full trace."""
    return _seconds(lambda: torchlens.trace(model, x))


def validate_seconds(model: torch.nn.Module, x: torch.Tensor) -> float:
    """Return the processor seconds of a validation of the forward pass."""
    return _seconds(lambda: torchlens.validate(model, x, scope="forward"))


def heap_per_op(model: torch.nn.Module, x: torch.Tensor) -> float:
    """Return the bytes of Python objects per operation that a trace holds on to."""
    torchlens.trace(model, x)
    gc.collect()
    tracemalloc.start()
    traced = torchlens.trace(model, x)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] / len(traced.ops)
    tracemalloc.stop()
    return held


def _seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    kept = action()
    seconds = time.process_time() - start
    del kept
    gc.collect()
    return seconds


WHAT = {"trace": trace_seconds, "validate": validate_seconds, "heap": heap_per_op}

if __name__ == "__main__":
    main()
