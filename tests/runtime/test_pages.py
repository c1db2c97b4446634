"""Kept pages: fewer page faults for the same values, in a process of its own."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys

import pytest

from lens_pipeline.runtime.pages import give_back

SCRIPT = """
import hashlib, json, resource, sys
import torch
from lens_pipeline.runtime.pages import keep_pages, pages_given_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

kept = sys.argv[1] == "keep" and keep_pages()
torch.set_num_threads(1)
torch.manual_seed(0)
model = torch.nn.Sequential(*(torch.nn.Conv2d(16, 16, 3, padding=1) for _ in range(4)))
images = torch.rand(24, 16, 160, 160)
with torch.no_grad():
    for turn in range(6):
        if turn == 3:
            before = faults()
        output = model(images)
    spent = faults() - before
digest = hashlib.sha256(output.numpy().tobytes()).hexdigest()
del output
held = resident()
with pages_given_back():
    returned = held - resident()
    with torch.no_grad():
        output = model(images)
        held = resident()
        del output
    freed = held - resident()
with torch.no_grad():
    output = model(images)
held = resident()
del output
print(json.dumps([kept, spent, digest, returned, freed, held - resident()]))
"""


def _measured(word: str) -> tuple[bool, int, str, int, int, int]:
    words = [sys.executable, "-c", SCRIPT, word]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    kept, faults, digest, returned, freed, after = json.loads(found.stdout)
    return kept, faults, digest, returned, freed, after


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"),
    reason="the C library has no mallopt",
)
def test_kept_pages_are_used_again_and_change_no_value() -> None:
    """A quarter of the page faults at most, the same bits; given back where that is asked for."""
    _, plain, digest, *_ = _measured("plain")
    kept, few, same, returned, freed, after = _measured("keep")
    assert kept
    assert few < plain / 4
    assert same == digest
    one = 24 * 16 * 160 * 160 * 4
    assert returned > one
    assert freed > one / 2
    assert after < one / 2


def test_giving_back_where_nothing_was_kept_does_no_harm() -> None:
    """It is called wherever memory ran out, whoever owns the process."""
    give_back()
