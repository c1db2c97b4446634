"""Relations between Ops as columns, against networkx."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.columns import overview, table
from tests import zoo


class Tangle(nn.Module):
    """Skips of different lengths, a dead end, a source inside, two inputs and two outputs."""

    def forward(self, x, y):
        a = x * 2
        b = torch.cat([a, y, x])
        noise = torch.ones(3)
        c = b.sin() + noise.cos().sum()
        b.exp()
        d = torch.stack([a.sum(), c.sum(), a.mean()])
        return d * noise, y.tan()


@pytest.fixture(scope="module", params=["tangle", "residual", "attention"])
def case(request):
    torch.manual_seed(0)
    model, inputs = {
        "tangle": lambda: (Tangle(), (torch.ones(2), torch.ones(3))),
        "residual": lambda: (zoo.ResidualBlock().eval(), torch.randn(1, 3, 5, 5)),
        "attention": lambda: (zoo.Attention().eval(), torch.randn(1, 3, 4)),
    }[request.param]()
    traced = trace(model, inputs)
    graph = nx.DiGraph((parent, op.index) for op in traced.ops for parent in op.parents)
    graph.add_nodes_from(range(len(traced.ops)))
    return traced, graph


def _ends(traced, kind: str) -> list[int]:
    return [op.index for op in traced.ops if op.kind == kind]


def test_parents_and_children_are_the_edges(case) -> None:
    """The two columns are the two ends of every edge."""
    traced, graph = case
    found = table(traced, columns=["label", "parents", "children"])
    names = found["label"]
    assert [set(row) for row in found["parents"]] == [
        {names[at] for at in graph.predecessors(op)} for op in range(len(names))
    ]
    assert [set(row) for row in found["children"]] == [
        {names[at] for at in graph.successors(op)} for op in range(len(names))
    ]


def test_siblings_share_a_parent_and_co_parents_a_child(case) -> None:
    """Both are found by going one edge and back, without the Op itself."""
    traced, graph = case
    found = table(traced, columns=["label", "siblings", "co_parents"])
    names = found["label"]
    for op in graph:
        siblings = {at for parent in graph.pred[op] for at in graph.succ[parent]} - {op}
        co_parents = {at for child in graph.succ[op] for at in graph.pred[child]} - {op}
        assert found["siblings"][op] == [names[at] for at in sorted(siblings)]
        assert found["co_parents"][op] == [names[at] for at in sorted(co_parents)]


def test_ancestors_and_descendants_are_counted(case) -> None:
    """As many as networkx finds."""
    traced, graph = case
    found = table(traced, columns=["n_ancestors", "n_descendants"])
    assert found["n_ancestors"] == [len(nx.ancestors(graph, op)) for op in sorted(graph)]
    assert found["n_descendants"] == [len(nx.descendants(graph, op)) for op in sorted(graph)]


def test_ancestors_are_not_counted_in_a_long_trace(case, monkeypatch) -> None:
    """Beyond the bound the cells are empty, and nothing else changes."""
    monkeypatch.setattr(overview, "MOST_COUNTED", 3)
    found = table(case[0], columns=["n_ancestors", "n_descendants", "has_input_ancestor"])
    assert set(found["n_ancestors"]) == set(found["n_descendants"]) == {None}
    assert None not in found["has_input_ancestor"]


@pytest.mark.parametrize(("kind", "of", "whether"), [
    ("input", "input_ancestors", "has_input_ancestor"),
    ("output", "output_descendants", "is_output_ancestor"),
])  # fmt: skip
def test_which_inputs_lead_here_and_which_outputs_lead_on(case, kind, of, whether) -> None:
    """An input or output counts as its own."""
    traced, graph = case
    found = table(traced, columns=["label", of, whether])
    names = found["label"]
    reach = nx.ancestors if kind == "input" else nx.descendants
    for op in graph:
        ends = [end for end in _ends(traced, kind) if end in reach(graph, op) | {op}]
        assert found[of][op] == [names[end] for end in ends]
        assert found[whether][op] is bool(ends)


@pytest.mark.parametrize("end", ["from_input", "to_output"])
def test_distances_are_the_shortest_and_the_longest_paths(case, end: str) -> None:
    """Over all paths between the Op and an input or an output; empty where there is none."""
    traced, graph = case
    found = table(traced, columns=[f"min_distance_{end}", f"max_distance_{end}"])
    for op in graph:
        lengths = [len(path) - 1 for path in _paths(traced, graph, op, end)]
        assert found[f"min_distance_{end}"][op] == min(lengths, default=None)
        assert found[f"max_distance_{end}"][op] == max(lengths, default=None)


def _paths(traced, graph, op: int, end: str):
    for other in _ends(traced, "input" if end == "from_input" else "output"):
        first, last = (other, op) if end == "from_input" else (op, other)
        if first == last:
            yield [op]
        else:
            yield from nx.all_simple_paths(graph, first, last)


def test_what_is_made_inside_and_what_leads_nowhere() -> None:
    """A factory is a source; what follows from it alone is made inside; an unread call is a
    dead end.
    """
    found = table(trace(Tangle(), (torch.ones(2), torch.ones(3))))
    by = {what: _where(found, what) for what in found if what.startswith("is_")}
    assert by["is_internal_source"] == ["ones_1"]
    assert by["is_internally_made"] == ["ones_1", "cos_1", "sum_1"]
    assert by["is_dead_end"] == ["exp_1"]


def _where(found, what: str) -> list[str]:
    pairs = zip(found["label"], found[what], strict=True)
    return [label.rpartition("_")[0] for label, yes in pairs if yes]
