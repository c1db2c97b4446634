"""Questions about paths in the graph of a trace, answered for all Ops at once."""

from __future__ import annotations

import heapq
from itertools import groupby, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def distances(
    links: Sequence[Sequence[int]], order: Iterable[int], ends: set[int]
) -> list[tuple[int, int] | None]:
    """Return for each Op the fewest and the most edges along `links` to one of the ends.

    `order` has every Op after those that it links to.
    """
    found: list[tuple[int, int] | None] = [None] * len(links)
    for op in order:
        if op in ends:
            found[op] = (0, 0)
            continue
        near = [at for at in (found[other] for other in links[op]) if at is not None]
        if near:
            found[op] = (min(low for low, _ in near) + 1, max(high for _, high in near) + 1)
    return found


def counts(
    links: Sequence[Sequence[int]], readers: Sequence[Sequence[int]], order: Iterable[int]
) -> list[int]:
    """Return for each Op how many Ops can be reached along `links`, which `readers` reverses.

    A set of Ops is a number with a bit for each; it is dropped when its last reader has it.
    """
    found = [0] * len(links)
    waiting = [len(each) for each in readers]
    sets: dict[int, int] = {}
    for op in order:
        bits = 0
        for other in links[op]:
            bits |= sets[other] | 1 << other
            waiting[other] -= 1
            if not waiting[other]:
                del sets[other]
        found[op] = bits.bit_count()
        if waiting[op]:
            sets[op] = bits
    return found


def behind(links: Sequence[Sequence[int]], order: Iterable[int], ends: Sequence[int]) -> list[int]:
    """Return for each Op which of the ends it is or reaches along `links`, as bits in their order.

    `order` has every Op after those that it links to.
    """
    found = [0] * len(links)
    for number, end in enumerate(ends):
        found[end] = 1 << number
    for op in order:
        for other in links[op]:
            found[op] |= found[other]
    return found


def among(ends: Sequence[int], bits: int) -> list[int]:
    """Return those of the ends that the bits which `behind` gives an Op stand for."""
    return [end for number, end in enumerate(ends) if bits >> number & 1]


def merged(lists: Sequence[Iterable[int]], *, but: int, most: int) -> list[int]:
    """Return the Ops of several rising lists, each once, without one of them."""
    ops = (op for op, _ in groupby(heapq.merge(*lists)) if op != but)
    return list(islice(ops, most))
