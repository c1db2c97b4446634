"""What the tests of studies share: a study's script as a module, and images to run it on."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

WORKFLOWS = Path(__file__).parents[2] / "workflows"
# as few computations as show that a study works from end to end
SMALL = (
    *("model.preprocessing.resize=64", "rsa.bootstrap=100", "runtime.certify=false"),
    # nothing that an earlier session left
    "stimuli.cache=off",
    "layers=[V1.output,V2.output,IT.output]",
)


@pytest.fixture(scope="session")
def load() -> Iterator[Callable[[str], ModuleType]]:
    """Return a function from a path below workflows/, as it92/study, to its module."""
    before = list(sys.path)
    sys.path[:0] = [str(WORKFLOWS)]
    yield _module
    sys.path[:] = before


def _module(path: str) -> ModuleType:
    name = path.replace("/", "_")
    spec = importlib.util.spec_from_file_location(name, WORKFLOWS / f"{path}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def data92(test_data: Path) -> Path:
    """The folder of the 92-image data."""
    return test_data / "kriegeskorte92"


@pytest.fixture(scope="session")
def squeezenet(test_data: Path) -> Path:
    """A state dict of squeezenet1_1."""
    return test_data / "weights" / "squeezenet1_1-onnxzoo.pth"


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Settings that make a study quick."""
    return SMALL
