"""A job that takes a second: a tiny recurrent network of the user's own on six small images."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

NETWORK = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.cell = nn.Linear(4, 4)

    def forward(self, x):
        x = torch.relu(self.conv(x)).mean((2, 3))
        for _ in range(3):
            x = torch.tanh(self.cell(x))
        return x

def net():
    torch.manual_seed(0)
    return Tiny()
"""


MORE = """
def other():
    torch.manual_seed(1)
    return Tiny()
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a person with a network in tiny_net.py and images in images/."""
    monkeypatch.chdir(tmp_path)
    # another test's network of that name may have been imported
    monkeypatch.delitem(sys.modules, "tiny_net", raising=False)
    (tmp_path / "tiny_net.py").write_text(NETWORK)
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(0)
    for number in range(6):
        pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"image{number}.png")
    return tmp_path


@pytest.fixture
def nets(study: Path) -> Path:
    """The study with two networks."""
    with (study / "tiny_net.py").open("a") as file:
        file.write(MORE)
    return study


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches the processes that a test starts, as it does in a terminal.

    They inherit it as ignored where the tests themselves were started in the background.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def plain() -> dict[str, Any]:
    """The config of that job, as plain values."""
    return {
        "model": {
            "source": "target",
            "name": "tiny",
            "target": "tiny_net:net",
            "preprocessing": {"resize": None, "resize_mode": "none", "crop": None},
        },
        "stimuli": {"source": "folder", "name": "folder", "root": "images"},
        "layers": ["conv", "cell"],
        "run": {"folder": "out", "shard_megabytes": 0.005},
    }
