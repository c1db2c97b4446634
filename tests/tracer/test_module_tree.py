"""The tree of modules as a few lines."""

from __future__ import annotations

import torch
from torch import nn

from lens_pipeline.tracer.module_tree import module_lines


def lines_of(model: nn.Module, *, most: int | None = None) -> list[str]:
    modules = tuple((name, type(module).__name__) for name, module in model.named_modules())
    return module_lines(modules, most=most)


class Block(nn.Module):
    def __init__(self, *, wide: bool = False) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2)
        self.mlp = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3 if wide else 2)))


def test_leaves_stand_side_by_side_and_numbers_are_runs() -> None:
    """Named leaves are listed with their classes, numbered ones as a run with the classes in it."""
    assert lines_of(Block()) == ["norm (LayerNorm)", "mlp (Sequential, 2 inside)", "  0-1 (Linear)"]


def test_blocks_of_equal_structure_are_drawn_once() -> None:
    """Three equal blocks are one entry; a block of another structure is its own."""
    blocks = [Block(), Block(), Block(), Block(wide=True)]
    assert lines_of(nn.Sequential(*blocks)) == [
        "0-2 (3 x Block, 4 inside each)",
        "  norm (LayerNorm)",
        "  mlp (Sequential, 2 inside)",
        "    0-1 (Linear)",
        "3 (Block, 5 inside)",
        "  norm (LayerNorm)",
        "  mlp (Sequential, 3 inside)",
        "    0-2 (Linear)",
    ]


def test_numbers_after_a_name_count_too() -> None:
    """layer_0, layer_1 are a run; a gap in the numbers or another name ends it."""
    model = nn.Module()
    for name in ("layer_0", "layer_1", "layer_3", "block4"):
        model.add_module(name, nn.ReLU())
    assert lines_of(model) == ["layer_0-1 (ReLU), layer_3 (ReLU), block4 (ReLU)"]


def test_long_lists_are_wrapped() -> None:
    """No line is wider than a terminal of 100 columns."""
    model = nn.Module()
    for number in range(40):
        model.add_module(f"a_leaf_with_a_name_{'x' * number}", nn.Identity())
    lines = lines_of(model)
    assert 10 < len(lines) < 40
    assert max(map(len, lines)) <= 93


def test_thousands_of_modules_are_cut_by_level() -> None:
    """Lower levels go first, with their number; the upper ones stay whole."""
    shapes = [nn.Sequential(*(Block(wide=i % 2 == j % 2) for j in range(9))) for i in range(9)]
    model = nn.Sequential(*shapes)
    everything = lines_of(model)
    shown = lines_of(model, most=20)
    assert shown[:-1] == [line for line in everything if not line.startswith(" ")]
    assert shown[-1] == f"... {len(everything) - 9} lines of the levels below left out"


def test_a_level_that_is_too_long_loses_its_middle() -> None:
    """A thousand different modules side by side keep the first and the last."""
    model = nn.Module()
    for number in range(100):
        model.add_module(f"m{number}", nn.Sequential(*(nn.ReLU() for _ in range(number % 2 + 1))))
    shown = lines_of(model, most=10)
    assert len(shown) == 12
    assert shown[0] == "m0 (Sequential, 1 inside)"
    assert shown[5] == "... 90 lines left out"
    assert shown[10] == "m99 (Sequential, 2 inside)"


def test_a_deep_model_is_no_problem() -> None:
    """240 levels are drawn to the bottom, or cut."""
    model: nn.Module = nn.ReLU()
    for _ in range(240):
        model = nn.Sequential(model)
    assert len(lines_of(model)) == 240
    assert len(lines_of(model, most=60)) == 61


def test_a_single_module_has_no_tree() -> None:
    """A Linear has no modules inside."""
    assert lines_of(torch.nn.Linear(2, 2)) == []


def test_a_tree_deeper_than_python_calls() -> None:
    """Its upper levels are shown, and all of it where that is asked for."""
    modules = [("", "Deep"), *((".".join(["m"] * n), "Sequential") for n in range(1, 2001))]
    assert len(module_lines(modules, most=None)) == 2000
    assert module_lines(modules, most=3)[-1] == "... 1,997 lines of the levels below left out"
