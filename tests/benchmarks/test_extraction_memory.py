"""Peak memory of extraction over the number of stimuli, each size in a process of its own.

Run with `pytest tests/benchmarks/test_extraction_memory.py -m benchmark -s`.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

SCRIPT = """
import resource, sys
from pathlib import Path
import torch
from lens_pipeline import keep_pages
from lens_pipeline.digests import digest_file
from lens_pipeline.extraction import Destination, extract, load_example, probe
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.resources import stimuli_folder
from lens_pipeline.task import Runtime, Task

keep_pages()
n, folder = int(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(1)
root = stimuli_folder() / "sample"
files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
spec = ModelSpec("torchvision", "alexnet", "random")
loaded = load_model(spec)
files = tuple(files[i % len(files)] for i in range(n))
ids = tuple(f"stimulus_{i}" for i in range(n))
known = {file: digest_file(root / file) for file in set(files)}
digests = tuple(known[file] for file in files)
task = Task(spec, (), root, ids, files, digests, ("features.12", "classifier.2"),
            runtime=Runtime(batch_size=16))
examples = torch.stack([load_example(root / file, loaded.transform) for file in files[:3]])
structure = probe(loaded, task.selectors, examples=examples)
extract(task, loaded, structure, into=Destination(folder, {}))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _peak(n: int, folder: Path) -> int:
    """Kilobytes at the peak of a process that extracts `n` stimuli."""
    words = [sys.executable, "-c", SCRIPT, str(n), str(folder)]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_peak_memory_does_not_grow_with_the_stimuli(tmp_path: Path) -> None:
    """Twenty times the stimuli in one task, 1.1 GB of activations: the peak is the same."""
    few, many = _peak(1_000, tmp_path), _peak(20_000, tmp_path)
    print(f"\npeak for 1,000 stimuli {few / 1e3:.0f} MB, for 20,000 {many / 1e3:.0f} MB")
    assert many / few < 1.05
