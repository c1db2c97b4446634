"""Small models that the tests of the page draw."""

from __future__ import annotations

import html.parser
import json

import torch
from torch import nn

NASTY = '</script><img src=x onerror="alert(1)">'


class Deep(nn.Module):
    """Modules in modules, one of them called three times, a branch and what no input leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.body = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 1), nn.Tanh()), nn.Sigmoid())
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.stem(x)
        for _ in range(3):
            x = self.body(x)
        if x.mean() > 100:  # noqa: SIM108  an `if` is what is drawn
            x = x + 1
        else:
            x = x * torch.full((1,), 2.0)
        return self.head(x.mean((2, 3)))


class Nasty(nn.Module):
    """Names that mean something to HTML, to selectors and to scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module(NASTY, nn.Linear(3, 3))
        self.add_module("a:b,c", nn.ReLU())
        self.add_module("all", nn.Tanh())
        self.add_module("two\u2028lines", nn.Sequential(nn.ReLU(), nn.Sigmoid()))

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return {NASTY: x, "nan": x * float("nan")}


class Chain(nn.Module):
    """As many operations as asked, in modules of a hundred."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            nn.Sequential(*(nn.ReLU() for _ in range(100))) for _ in range(n // 100)
        )

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x


class Blocks(html.parser.HTMLParser):
    """An independent reading of a page: its elements, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.policy = ""
        self.open = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        self.open = tag == "script"
        if self.open:
            self.scripts.append((given, ""))

    def handle_endtag(self, tag):
        self.open = False

    def handle_data(self, data):
        if self.open:
            given, text = self.scripts[-1]
            self.scripts[-1] = (given, text + data)

    def part(self, name: str):
        """The JSON of one block."""
        return next(json.loads(text) for given, text in self.scripts if given.get("id") == name)
