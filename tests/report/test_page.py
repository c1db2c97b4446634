"""The page, as text and in a browser."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from lens_pipeline.pipeline.sweep.reporting import make_report
from lens_pipeline.report.page import write_run_report, write_sweep_report

if TYPE_CHECKING:
    from pathlib import Path


def test_page_stands_alone_and_escapes_what_it_was_given(run: Path) -> None:
    """Nothing is loaded from elsewhere, and a name with tags in it is text."""
    page = make_report(run).read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Random weights (seed 3) stand in &amp; nobody knows why." in page
    assert page.index('alt="Scores by layer') < page.index('alt="Dissimilarities')


def test_folder_of_runs_gives_the_page_of_a_sweep(run: Path) -> None:
    """Runs that have a page are linked, others are said to be unfinished."""
    folder = run.parent
    make_report(run)
    other = folder / "alexnet-things"
    other.mkdir()
    (other / "record.json").write_text("{}")
    (folder / "sweep.csv").write_text("model,score\nresnet18,0.25\n")
    page = make_report(folder).read_text(encoding="utf-8")
    assert 'href="resnet18-things/report.html"' in page
    assert "alexnet-things: not finished" in page
    assert "<td>0.25</td>" in page
    assert "lens-pipeline replay resnet18-things" in page
    assert "replay alexnet-things" not in page
    assert "Failed." not in page


def test_page_of_a_sweep_says_what_failed_and_where_runs_are(run: Path) -> None:
    """A job that failed before it had a folder is not left out in silence."""
    write_run_report(run)
    folder = run.parent / "sweeps" / "two"
    folder.mkdir(parents=True)
    jobs = [
        {"name": "model=resnet18", "folder": str(run), "failure": None},
        {"name": "model=vgg<16>", "folder": None, "failure": "No weights & no network."},
    ]
    (folder / "sweep.json").write_text(json.dumps({"format": 1, "jobs": jobs}))
    page = write_sweep_report(folder, [run]).read_text(encoding="utf-8")
    assert "1 of the jobs" in page
    assert "<li>model=vgg&lt;16&gt;: No weights &amp; no network.</li>" in page
    assert "lens-pipeline replay ../../resnet18-things" in page


def _fits(page: Any, width: int) -> bool:
    """Say whether a window of that many pixels needs no scrolling to the side."""
    page.set_viewport_size({"width": width, "height": 800})
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(run: Path, scheme: Any) -> None:
    """It opens without an error, tables unfold, and text can be read in both schemes."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no Chromium on this machine")
    errors: list[str] = []
    with api.sync_playwright() as driver:
        window = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = window.new_page(color_scheme=scheme)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))
        page.goto(make_report(run).as_uri())
        assert page.locator("table.scores td.score").count() == 3
        assert page.locator(".alarm").first.is_visible()
        health = page.locator("details", has_text="Health of the activations")
        assert not health.locator("table").is_visible()
        health.locator("summary").click()
        assert health.locator("table").is_visible()
        assert page.locator("table.pairs").first.is_visible()
        colours = page.evaluate(
            "(() => { const s = getComputedStyle(document.body);"
            " return [s.color, s.backgroundColor]; })()"
        )
        fits = [_fits(page, width) for width in (1280, 390)]
        window.close()
    assert errors == []
    assert fits == [True, True]
    ink, ground = (sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in colours)
    assert (ink < ground) == (scheme == "light")
    assert abs(ink - ground) > 150
