"""A picture of a large network is laid out in seconds of work, whatever else the machine does.

Run with `pytest tests/benchmarks/test_drawing_speed.py -m benchmark -s`.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torchvision

from lens_pipeline import draw, trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.benchmark

# seconds of work, of laying out in this process
LIMIT = 20


def swin_v2_b() -> tuple[torch.nn.Module, Any]:
    """A transformer of some 1,800 operations, fewer than a hundred of a kind."""
    return torchvision.models.swin_v2_b(weights=None), torch.rand(1, 3, 256, 256)


def keypoint_rcnn() -> tuple[torch.nn.Module, Any]:
    """A detector that looks at many regions, and so has a loop with long edges."""
    torch.manual_seed(0)
    model = torchvision.models.detection.keypointrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, box_score_thresh=0.0, box_detections_per_img=100
    )
    return model, [torch.rand(3, 300, 400)]


@pytest.mark.parametrize("rolled", [True, False])
@pytest.mark.parametrize("build", [swin_v2_b, keypoint_rcnn])
def test_svg(
    build: Callable[[], tuple[torch.nn.Module, Any]],
    tmp_path: Path,
    rolled: bool,  # noqa: FBT001
) -> None:
    """Every operation and every layer of it, all modules opened."""
    pytest.importorskip("pygraphviz")
    model, x = build()
    with torch.no_grad():
        traced = trace(model.eval(), x, keep=None)
    start = time.process_time()
    draw(traced, tmp_path / "graph.svg", rolled=rolled)
    seconds = time.process_time() - start
    size = (tmp_path / "graph.svg").stat().st_size
    print(f"\n{build.__name__}: {len(traced.ops)} ops, {seconds:.1f} s, {size / 1e6:.1f} MB")
    assert seconds < LIMIT
