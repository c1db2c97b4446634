"""Which Ops are one place in the network, visited again.

Recurrence is defined, not guessed. In execution order:

1. An Op that uses parameters belongs to the Layer of (function, those parameters).
2. An Op without, at a site visited before: the interval of a visit is the parameter uses since the
   site's previous visit. If the interval is empty, the Layer of the previous visit; if it comes
   back to a parameter that was used before the interval began, the Layer of the visit whose own
   interval had that use; if the parameter that is used next is the one that was used next after
   the site's first visit, the Layer of that. So a loop that comes back to a parameter is
   recurrent, also where its body begins with an Op that has none and the first interval is what
   ran before the loop; a loop whose parameters are new each time is a stack.
3. Otherwise, if an earlier Op applied the same function in the same module to parents of the same
   Layers at other passes, its Layer: a hand-unrolled loop, or a siamese branch. Not so if that Op
   is in a loop and the parents of both are from the same sites: what reads the last round of a
   loop, after it, is no round of it.
4. Otherwise a new Layer.

The intervals of a site's visits tile the past, so "shares a parameter with an earlier interval"
is one comparison of positions: the smallest previous use among the uses in the interval.
"""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


class Visit(NamedTuple):
    """What the rule looks at in one Op; a tuple, since one is made for every Op."""

    # function name without underscores and the number of the output tensor
    function: Hashable
    parameters: tuple[str, ...]
    site: int
    # address of the innermost module
    module: str | None
    # positions of the parent Ops, in the order of the arguments
    parents: tuple[int, ...]
    # inputs and outputs of the model are never visited again
    alone: bool = False


@dataclass(slots=True)
class _ParameterUses:
    """Every use of a parameter, with what each came back to."""

    n: int = 0
    last: dict[str, int] = field(default_factory=dict)
    # uses that no later use undercuts: (position, previous use), both rising
    positions: list[int] = field(default_factory=list)
    previous: list[int] = field(default_factory=list)

    def add(self, parameter: str) -> None:
        """Count one use."""
        self.n += 1
        previous = self.last.get(parameter)
        self.last[parameter] = self.n
        if previous is None:
            return
        while self.previous and self.previous[-1] >= previous:
            self.previous.pop()
            self.positions.pop()
        self.positions.append(self.n)
        self.previous.append(previous)

    def earliest_return(self, since: int) -> int | None:
        """Return the smallest previous use among the uses after number `since`."""
        at = bisect.bisect_right(self.positions, since)
        return self.previous[at] if at < len(self.positions) else None


@dataclass(slots=True)
class _SiteVisits:
    """The visits of one site: how many uses there had been, and which Layer each got."""

    uses: list[int] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)


class _Twin(NamedTuple):
    """An Op that later ones may repeat at other passes of its parents."""

    layer: int
    visit: Visit


def find_layers(visits: Sequence[Visit]) -> tuple[list[int], list[int]]:
    """Return for each Op the number of its Layer and of its pass (from 1).

    Layers are numbered in the order of their first Op. Linear in the number of Ops, up to a
    logarithm.
    """
    finder = _Finder(visits)
    for visit in visits:
        finder.place(visit)
    return finder.layers, finder.passes


class _Finder:
    """The state of the one pass over the Ops."""

    def __init__(self, visits: Sequence[Visit]) -> None:
        self._visits = visits
        self._n_visits = Counter((visit.site, visit.function) for visit in visits)
        # the parameters in the order of their uses
        self._used = [parameter for visit in visits for parameter in visit.parameters]
        self.layers: list[int] = []
        self.passes: list[int] = []
        self._n_passes: list[int] = []
        self._uses = _ParameterUses()
        self._by_parameters: dict[Hashable, int] = {}
        self._sites: dict[Hashable, _SiteVisits] = {}
        # The ops that applied one function in one module to the same parent Layers, and how often
        # that happened at each combination of the parents' passes.
        self._twins: dict[Hashable, list[_Twin]] = {}
        self._n_at_passes: dict[Hashable, int] = {}

    def place(self, visit: Visit) -> None:
        """Give the next Op its Layer and pass."""
        layer = self._layer(visit)
        if layer == len(self._n_passes):
            self._n_passes.append(0)
        self._n_passes[layer] += 1
        self.layers.append(layer)
        self.passes.append(self._n_passes[layer])

    def _layer(self, visit: Visit) -> int:
        new = len(self._n_passes)
        if visit.alone:
            return new
        if visit.parameters:
            for parameter in visit.parameters:
                self._uses.add(parameter)
            key = (visit.function, frozenset(visit.parameters))
            return self._by_parameters.setdefault(key, new)
        place = visit.site, visit.function
        site = self._sites.get(place)
        if site is None:
            site = self._sites[place] = _SiteVisits()
        layer = self._at_site(site)
        twin = self._twin(visit, new if layer is None else layer)
        layer = twin if layer is None else layer
        site.uses.append(self._uses.n)
        site.layers.append(layer)
        return layer

    def _at_site(self, site: _SiteVisits) -> int | None:
        if not site.uses:
            return None
        since = site.uses[-1]
        if since == self._uses.n:
            return site.layers[-1]
        earlier = self._uses.earliest_return(since)
        if earlier is not None and earlier <= since:
            return site.layers[bisect.bisect_left(site.uses, earlier)]
        following = self._used[self._uses.n : self._uses.n + 1]
        return site.layers[0] if following == [self._used[site.uses[0]]] else None

    def _twin(self, visit: Visit, otherwise: int) -> int:
        """Return the Layer of the twin of this Op, and remember the Op for later twins."""
        if not visit.parents:
            return otherwise
        layers = tuple([self.layers[parent] for parent in visit.parents])
        passes = tuple([self.passes[parent] for parent in visit.parents])
        key = visit.function, visit.module, layers
        number = self._n_at_passes[key, passes] = self._n_at_passes.get((key, passes), 0) + 1
        known = self._twins.setdefault(key, [])
        if number > len(known):
            known.append(_Twin(otherwise, visit))
            return otherwise
        layer, first = known[number - 1]
        in_loop = self._n_visits[first.site, visit.function] > 1
        elsewhere = visit.site != first.site
        after_loop = in_loop and elsewhere and self._sources(visit) == self._sources(first)
        return otherwise if after_loop else layer

    def _sources(self, visit: Visit) -> list[int]:
        """Return the sites of an Op's parents."""
        return [self._visits[parent].site for parent in visit.parents]
