"""The tree of a model's modules as a few lines of text.

Modules without modules inside stand side by side, wrapped; those with consecutive numbers are a
run, `0-12`. Numbered neighbours of equal structure, such as a transformer's blocks, are drawn once.
So a model of thousands of modules takes some tens of lines; what is still too deep is left out.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)")
_WIDTH = 92
_MOST_CLASSES = 4


@dataclass(frozen=True, slots=True)
class _Module:
    # the last part of the address
    name: str
    class_name: str
    children: tuple[_Module, ...]
    # equal for modules of equal classes and names throughout
    structure: int
    # modules inside, at any depth
    n_inside: int


def module_lines(modules: Sequence[tuple[str, str]], *, most: int | None) -> list[str]:
    """Return the tree of `modules`, (address, class) from the outside in, indented by depth.

    Where it has more than `most` lines, its lower levels are left out, with a line that says so.

    >>> module_lines([("", "M"), ("a", "Seq"), ("a.0", "Conv"), ("a.1", "ReLU")], most=None)
    ['a (Seq, 2 inside)', '  0-1 (Conv, ReLU)']
    """
    lines = list(_lines(_tree(modules).children))
    if most is None or len(lines) <= most:
        return ["  " * depth + text for depth, text in lines]
    so_far = itertools.accumulate(n for _, n in sorted(Counter(d for d, _ in lines).items()))
    level = max(sum(n <= most for n in so_far) - 1, 0)
    shown = ["  " * depth + text for depth, text in lines if depth <= level]
    below = len(lines) - len(shown)
    middle = len(shown) - most
    if middle > 0:
        shown[most // 2 : most // 2 + middle] = [f"... {middle:,} lines left out"]
    return shown + [f"... {below:,} lines of the levels below left out"] * bool(below)


def _tree(modules: Sequence[tuple[str, str]]) -> _Module:
    """Return the root, made from the end, where the innermost modules stand."""
    children: dict[str, list[_Module]] = {}
    structures: dict[tuple[object, ...], int] = {}
    module = _Module("", "", (), 0, 0)
    for address, class_name in reversed(modules):
        inside = tuple(reversed(children.pop(address, [])))
        facts = (class_name, *((child.name, child.structure) for child in inside))
        structure = structures.setdefault(facts, len(structures))
        parent, _, name = address.rpartition(".")
        n_inside = sum(1 + child.n_inside for child in inside)
        module = _Module(name, class_name, inside, structure, n_inside)
        if address:
            children.setdefault(parent, []).append(module)
    return module


def _lines(modules: Sequence[_Module]) -> Iterator[tuple[int, str]]:
    """Yield (depth, line)."""
    # a stack of our own, since modules may be nested deeper than Python calls may be
    waiting = _level(modules, 0)[::-1]
    while waiting:
        depth, line, inside = waiting.pop()
        yield depth, line
        waiting.extend(_level(inside, depth + 1)[::-1])


def _level(modules: Sequence[_Module], depth: int) -> list[tuple[int, str, Sequence[_Module]]]:
    """Return (depth, line, what is inside) for neighbours."""
    found: list[tuple[int, str, Sequence[_Module]]] = []
    for has_children, group in itertools.groupby(modules, lambda module: bool(module.children)):
        runs = _runs(list(group), alike=has_children)
        if has_children:
            found += [(depth, _branch_text(run), run[0].children) for run in runs]
        else:
            texts = [_leaf_text(run) for run in runs]
            found += [(depth, line, ()) for line in _wrapped(texts, depth)]
    return found


def _runs(modules: Sequence[_Module], *, alike: bool) -> list[list[_Module]]:
    """Cut neighbours into runs of consecutive numbers, of one structure where `alike`."""
    runs: list[list[_Module]] = []
    for module in modules:
        if runs and _follows(runs[-1][-1], module, alike=alike):
            runs[-1].append(module)
        else:
            runs.append([module])
    return runs


def _follows(before: _Module, module: _Module, *, alike: bool) -> bool:
    one, other = _NUMBERED.fullmatch(before.name), _NUMBERED.fullmatch(module.name)
    return (
        one is not None
        and other is not None
        and one["stem"] == other["stem"]
        and int(other["number"]) == int(one["number"]) + 1
        and (not alike or module.structure == before.structure)
    )


def _leaf_text(run: Sequence[_Module]) -> str:
    classes = list(dict.fromkeys(module.class_name for module in run))
    shown = ", ".join(classes[:_MOST_CLASSES]) + (", ..." if len(classes) > _MOST_CLASSES else "")
    return f"{_names(run)} ({shown})"


def _branch_text(run: Sequence[_Module]) -> str:
    first = run[0]
    times = f"{len(run)} x " if len(run) > 1 else ""
    each = " each" if len(run) > 1 else ""
    return f"{_names(run)} ({times}{first.class_name}, {first.n_inside:,} inside{each})"


def _names(run: Sequence[_Module]) -> str:
    last = _NUMBERED.fullmatch(run[-1].name)
    return run[0].name if last is None or len(run) == 1 else f"{run[0].name}-{last['number']}"


def _wrapped(items: Sequence[str], depth: int) -> Iterator[str]:
    """Yield lines of whole items, separated by commas."""
    line = ""
    for item in items:
        longer = f"{line}, {item}" if line else item
        if line and len(longer) + 2 * depth > _WIDTH:
            yield f"{line},"
            longer = item
        line = longer
    yield line
