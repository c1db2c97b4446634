"""Large graphs stay usable: written, opened and scrolled in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.drawing.page.writing import write_page
from tests.drawing.page_models import Chain
from tests.drawing.test_page_browser import browser, find, labels, opened  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

_SCROLL = """() => new Promise(done => {
  const picture = document.getElementById("picture"), times = [];
  let last = performance.now();
  const step = now => {
    times.push(now - last);
    last = now;
    picture.dispatchEvent(new WheelEvent("wheel", { deltaY: 60, cancelable: true }));
    times.length < 90 ? requestAnimationFrame(step) : done(times.slice(5));
  };
  requestAnimationFrame(step);
})"""


def ready(tab) -> float:
    """Milliseconds from opening the file to the picture."""
    return tab.evaluate("performance.getEntriesByName('page-ready')[0].startTime")


def frame(tab) -> float:
    """Milliseconds of the median frame while scrolling."""
    times = sorted(tab.evaluate(_SCROLL))
    return times[len(times) // 2]


def swin():
    models = pytest.importorskip("torchvision").models
    return models.swin_v2_b(weights=None), torch.rand(1, 3, 256, 256)


def keypoint_rcnn():
    models = pytest.importorskip("torchvision").models
    model = models.detection.keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    return model, [torch.rand(3, 300, 400)]


@pytest.mark.slow
def test_three_thousand_operations(opened) -> None:  # noqa: F811
    """A page of 3,000 operations opens in two seconds and scrolls without a gap that is seen."""
    tab = opened(trace(Chain(3000), torch.ones(1, 4), keep=None))
    assert ready(tab) < 2000
    tab.click("#open-all")
    assert tab.locator(".far .box").count() > 0
    find(tab, "relu_1500")
    assert tab.inner_text("#panel h2") == "relu_1500_1500"
    assert 0 < tab.locator("[data-label]").count() < 300
    assert frame(tab) < 40
    assert "relu_1500_1500" not in labels(tab)


@pytest.mark.benchmark
@pytest.mark.parametrize("build", [swin, keypoint_rcnn])
def test_large_models(opened, tmp_path: Path, build) -> None:  # noqa: F811
    """Written in five seconds of work, opened in two, scrolled with everything opened."""
    model, x = build()
    with torch.no_grad():
        traced = trace(model.eval(), x, keep=None)
    start = time.process_time()
    path = write_page(traced, tmp_path / "large.html")
    written = time.process_time() - start
    tab = opened(traced)
    print(f"{len(traced.ops)} ops: {written:.2f} s, {path.stat().st_size:,} bytes", end=", ")  # noqa: T201
    tab.check("#unrolled")
    tab.click("#open-all")
    far = frame(tab)
    find(tab, traced.layers[len(traced.layers) // 2].label)
    near = frame(tab)
    print(f"ready in {ready(tab):.0f} ms, frames of {far:.0f} and {near:.0f} ms")  # noqa: T201
    assert written < 5
    assert ready(tab) < 2000
    assert max(far, near) < 40
