"""What a light command loads, and that this guard can fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HEAVY = ("torch", "torchvision", "xarray", "rsatoolbox", "matplotlib", "dask", "hydra", "pandas")

# what is imported -> what it may not load
LIGHT = {
    "lens_pipeline": _HEAVY,
    "lens_pipeline.task": _HEAVY,
    "lens_pipeline.models.spec": _HEAVY,
    "lens_pipeline.pipeline.config": _HEAVY,
    "lens_pipeline.postfunctions": _HEAVY,
    "lens_pipeline.selectors.parsing": _HEAVY,
    "lens_pipeline.stimulus_set": _HEAVY,
    "lens_pipeline.tracer.run": ("torchvision", "xarray", "rsatoolbox", "dask", "hydra", "pandas"),
    "lens_pipeline.extraction": ("rsatoolbox", "matplotlib", "dask", "hydra"),
    "lens_pipeline.store.shards": ("torch", "rsatoolbox", "matplotlib", "dask", "hydra"),
    "lens_pipeline.rsa.rdms": ("torch", "torchvision", "dask", "hydra"),
}


def loaded_by(code: str, heavy: tuple[str, ...]) -> set[str]:
    """Run `code` in a fresh interpreter and return which of `heavy` it loaded."""
    script = f"import sys\n{code}\nprint(*(set({heavy!r}) & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    )
    return set(found.stdout.split())


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_stay_light(module: str) -> None:
    """Importing a light module loads none of the libraries that it promises to do without."""
    assert loaded_by(f"import {module}", LIGHT[module]) == set()


def test_the_guard_can_fail() -> None:
    """The guard sees a heavy import where there is one."""
    assert "torch" in loaded_by("from lens_pipeline import trace", ("torch",))
