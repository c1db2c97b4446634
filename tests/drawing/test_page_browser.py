"""The page in a browser: opened, a module expanded, an operation found, read and selected."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.drawing.page.writing import write_page
from lens_pipeline.selectors import parse_selectors, select
from tests.drawing.page_models import NASTY, Deep, Nasty
from tests.drawing.test_page_results import ran

if TYPE_CHECKING:
    from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: it drives the browser"
    )
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser in PATH: looked for {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, tmp_path: Path):
    """A function from a Trace to its page in the browser; at the end nothing was complained of."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 800}, offline=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])

    def open_page(traced, **options):
        path = write_page(traced, tmp_path / "page.html", **options)
        tab = context.new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("dialog", lambda dialog: complaints.append(dialog.message))
        tab.goto(path.as_uri())
        return tab

    yield open_page
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def deep():
    return trace(Deep().eval(), torch.rand(2, 3, 4, 4))


def labels(tab) -> list[str]:
    return tab.eval_on_selector_all("[data-label]", "all => all.map(one => one.dataset.label)")


def modules(tab, *, opened: bool) -> list[str]:
    sign = "[data-open]" if opened else ":not([data-open])"
    return tab.eval_on_selector_all(
        f"[data-module]{sign}", "all => all.map(one => one.dataset.module)"
    )


def find(tab, text: str) -> None:
    tab.fill("#query", text)
    tab.press("#query", "Enter")


def test_modules_are_closed_at_first_and_open_by_a_click(opened, deep) -> None:
    """What is in a module is drawn when it is opened, and no longer when its title is clicked."""
    tab = opened(deep)
    assert modules(tab, opened=False) == ["stem", "body"]
    assert labels(tab)[:2] == ["input_1_0", "mean_1_7"]
    tab.click('[data-module="body"]')
    assert modules(tab, opened=True) == ["body"]
    assert modules(tab, opened=False) == ["stem", "body.0"]
    assert "sigmoid_1_6" in labels(tab)
    tab.click('[data-module="body"][data-open]', position={"x": 20, "y": 10})
    assert modules(tab, opened=True) == []
    assert "sigmoid_1_6" not in labels(tab)


def test_search_opens_the_way_and_fills_the_panel(opened, deep) -> None:
    """An operation is found by label; its panel says what the Trace says."""
    tab = opened(deep)
    find(tab, "tanh_1")
    assert set(modules(tab, opened=True)) == {"body", "body.0"}
    panel = tab.inner_text("#panel")
    for said in ("tanh_1_5:1", "2x4x4x4 (512 B)", "page_models.py:", "8 of 4 maps"[2:]):
        assert said in panel
    rows = dict(
        tab.eval_on_selector_all(
            "#panel tr",
            "all => all.map(one => [one.children[0].innerText, one.children[1].innerText])",
        )
    )
    assert rows["shape"] == "2, 4, 4, 4"
    assert rows["bytes"] == "512 bytes"
    assert rows["parents"] == "conv2d_2_4:1"
    assert rows["value_kept"] == "true"
    tab.select_option("#panel select", label="3 of 3")
    assert tab.inner_text("#panel h2") == "tanh_1_5:3"


@pytest.mark.parametrize(
    ("where", "text", "first"),
    [("module", "body.0", "body.0"), ("type", "batchnorm", "stem.1"), ("label", "gt_1", "gt_1_8")],
)
def test_search_by_kind(opened, deep, where: str, text: str, first: str) -> None:
    """Labels, modules and types are searched apart; nothing found is said."""
    tab = opened(deep)
    tab.select_option("#where", where)
    tab.fill("#query", text)
    assert tab.inner_text("#found li >> nth=0").startswith(first)
    tab.fill("#query", "no such thing")
    assert tab.inner_text("#found") == "nothing found"


def test_a_selector_is_copied_and_picked(opened, deep) -> None:
    """The copied text selects the operation; picked ones make a list for a config."""
    tab = opened(deep)
    find(tab, "sigmoid_1")
    texts = tab.eval_on_selector_all("[data-copy]", "all => all.map(one => one.dataset.copy)")
    assert texts == ["sigmoid_1_6:1", "sigmoid_1_6", "body.1:1", "body.1", "body:1", "body"]
    tab.click('[data-copy="body:1"]')
    copied = tab.evaluate("navigator.clipboard.readText()")
    (only,) = select(deep, parse_selectors(copied))
    assert [deep.ops[op].label for _, op in only.ops] == ["sigmoid_1_6:1"]
    for number in (2, 5):
        tab.click(f'#panel button:has-text("±") >> nth={number}')
    assert tab.inner_text("#chosen") == "layers=[body.1:1,body]"
    tab.click("#copy-chosen")
    assert tab.evaluate("navigator.clipboard.readText()") == "layers=[body.1:1,body]"


def test_values_and_results_are_shown(opened, deep) -> None:
    """A picture, a histogram, and the score and RDM of the run."""
    tab = opened(deep, run=ran())
    find(tab, "stem")
    panel = tab.inner_text("#panel")
    assert "4 of 4 maps of axis 1" in panel
    assert "V1: spearman 0.25, ceiling 0.6 to 0.7, 4 stimuli" in panel
    assert tab.locator("#panel img").count() == 2
    assert all(
        tab.eval_on_selector_all("#panel img", "all => all.map(one => one.naturalWidth > 1)")
    )
    assert tab.locator("#panel .bars rect").count() == 32
    tab.select_option("#colour", "spearman with V1")
    assert tab.locator(".box.heat").count() > 0


def test_loops_passes_and_arms_are_labelled(opened, deep) -> None:
    """A loop says which pass leads to which; the arm of a branch is named; every pass has a box."""
    tab = opened(deep)
    tab.click("#open-all")
    texts = tab.eval_on_selector_all("text.passes", "all => all.map(one => one.textContent)")
    assert "1-2 → 2-3" in texts
    assert {"IF", "ELSE"} <= set(texts)
    assert "if x.mean() > 100: no" in tab.text_content("[data-label=gt_1_8]")
    assert "decides a branch" in tab.inner_text("#legend")
    tab.check("#unrolled")
    tab.click("#open-all")
    for _ in range(5):
        tab.click("#nearer")
    assert {"tanh_1_5:1", "tanh_1_5:2", "tanh_1_5:3"} <= set(labels(tab))


@pytest.mark.parametrize("every_pass", [False, True])
def test_boxes_stand_apart_in_the_order_of_execution(opened, deep, every_pass) -> None:
    """No box covers another, and each edge but a loop's leads downwards."""
    tab = opened(deep)
    tab.set_checked("#unrolled", every_pass)
    tab.click("#open-all")
    for _ in range(5):
        tab.click("#nearer")
    boxes = tab.eval_on_selector_all(
        "[data-label] > rect",
        "all => all.map(one => ['x', 'y', 'width', 'height'].map(name => one[name].baseVal.value))",
    )
    for at, (x, y, w, h) in enumerate(boxes):
        for other_x, other_y, other_w, other_h in boxes[:at]:
            beside = x >= other_x + other_w or other_x >= x + w
            assert beside or y >= other_y + other_h or other_y >= y + h
    height = dict(zip(labels(tab), (y for _, y, _, _ in boxes), strict=True))
    for op in deep.ops:
        for parent in (deep.ops[one] for one in op.parents):
            one, other = (
                name.label if every_pass else deep.layers[name.layer].label for name in (parent, op)
            )
            loops = not every_pass and parent.pass_number < op.pass_number
            assert height[one] > height[other] if loops else height[one] < height[other]


def test_colours_of_kinds(opened, deep) -> None:
    """Inputs, outputs, what has parameters, what is made inside, what decides look different."""
    tab = opened(deep)
    looks = dict(
        tab.eval_on_selector_all(
            "[data-label]",
            "all => all.map(one => [one.dataset.label, one.firstChild.className.baseVal])",
        )
    )
    assert looks["input_1_0"] == "box input"
    assert looks["output_1_13"] == "box output"
    assert looks["linear_1_12"] == "box parameters"
    assert looks["gt_1_8"] == "box test"
    assert looks["full_1_9"] == "box plain made"


def test_calls_of_a_module(opened, deep) -> None:
    """The panel of a module that is called several times shows each call."""
    tab = opened(deep)
    find(tab, "body")
    assert tab.get_attribute("[data-copy] >> nth=0", "data-copy") == "body:1"
    tab.select_option("#panel select", label="2 of 3")
    assert tab.get_attribute("[data-copy] >> nth=0", "data-copy") == "body:2"
    assert "sigmoid_1_6:2" in tab.inner_text("#panel")


def test_keys(opened, deep) -> None:
    """The graph is walked, modules opened and left with the keyboard alone."""
    tab = opened(deep)
    tab.focus("#picture")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        tab.keyboard.press(key)
    assert modules(tab, opened=True) == ["stem"]
    assert tab.inner_text("#said") == "stem, opened"
    tab.keyboard.press("ArrowDown")
    assert tab.inner_text("#panel h2") == "body"
    tab.keyboard.press("Escape")
    assert tab.inner_text("#panel h2") == "Deep"
    tab.keyboard.press("/")
    tab.keyboard.type("conv2d_1")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#panel h2") == "conv2d_1_1"


def test_nasty_names_do_nothing(opened) -> None:
    """Names that could be markup are shown as they are, and selected by a pattern."""
    tab = opened(trace(Nasty(), torch.rand(2, 3)), title=NASTY)
    assert tab.inner_text("h1") == NASTY
    find(tab, "linear_1")
    assert NASTY in tab.inner_text("#panel")
    assert tab.locator("img").count() == 1  # the picture of the value
    find(tab, "a:b,c")
    assert tab.get_attribute("[data-copy] >> nth=1", "data-copy") == "a?b?c"
