"""The file for Model Explorer is what its own classes and loader take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.drawing.model_explorer import model_explorer, write_model_explorer
from lens_pipeline.errors import TraceError
from tests import zoo
from tests.drawing.page_models import Deep, Nasty

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.tracer.trace import Trace


@pytest.fixture(scope="module")
def deep() -> Trace:
    return trace(Deep().eval(), torch.rand(2, 3, 4, 4))


def graphs(traced: Trace) -> dict[str, dict]:
    return {graph["id"]: graph for graph in model_explorer(traced)["graphs"]}


@pytest.mark.parametrize(
    ("model", "x"), [(Deep(), (2, 3, 4, 4)), (Nasty(), (2, 3)), (zoo.Recurrent(), (2, 5))]
)
def test_its_own_classes_take_it(tmp_path: Path, model, x) -> None:
    """Every key is a field of its graph collection, with a value of the field's type."""
    builder = pytest.importorskip("model_explorer.graph_builder")
    dacite = pytest.importorskip("dacite")
    path = write_model_explorer(trace(model.eval(), torch.ones(x)), tmp_path / "graph.json")
    found = json.loads(path.read_text("utf-8"))
    collection = dacite.from_dict(
        builder.GraphCollection, found, config=dacite.Config(strict=True, check_types=True)
    )
    assert [graph.id for graph in collection.graphs] == ["operations", "layers"]
    utils = pytest.importorskip("model_explorer.utils")
    given = utils.convert_adapter_response({"graphCollections": [collection]})
    assert len(given["graphCollections"][0]["graphs"]) == 2


def test_edges_are_the_parents(deep: Trace) -> None:
    """A box per operation, an edge per parent; ids are unique and every edge has its source."""
    nodes = {node["id"]: node for node in graphs(deep)["operations"]["nodes"]}
    assert len(nodes) == len(deep.ops)
    for op in deep.ops:
        sources = [edge["sourceNodeId"] for edge in nodes[str(op.index)]["incomingEdges"]]
        assert [nodes[one]["label"] for one in sources] == [
            deep.ops[one].label for one in op.parents
        ]


def test_layers_are_one_box(deep: Trace) -> None:
    """The second graph has a box per layer, with its passes, and its loop as an edge."""
    nodes = {node["label"]: node for node in graphs(deep)["layers"]["nodes"]}
    assert list(nodes) == [layer.label for layer in deep.layers]
    facts = {pair["key"]: pair["value"] for pair in nodes["conv2d_2_4"]["attrs"]}
    assert facts["passes"] == "3"
    sources = {edge["sourceNodeId"] for edge in nodes["conv2d_2_4"]["incomingEdges"]}
    assert sources == {nodes["relu_1_3"]["id"], nodes["sigmoid_1_6"]["id"]}


def test_modules_are_nested(deep: Trace) -> None:
    """Namespaces are the module calls, and each has its class and parameters."""
    graph = graphs(deep)["operations"]
    at = {node["label"]: node["namespace"] for node in graph["nodes"]}
    assert at["tanh_1_5:2"] == "body:2/0:2/1:2"
    assert at["linear_1_12"] == "head"
    assert at["input_1_0"] == ""
    assert graph["groupNodeAttributes"]["body:2/0:2"]["class"] == "Sequential"
    assert graph["groupNodeAttributes"][""]["parameters"] == "150"
    rolled = {node["label"]: node["namespace"] for node in graphs(deep)["layers"]["nodes"]}
    assert rolled["tanh_1_5"] == "body/0/1"


def test_boxes_say_what_is_known(deep: Trace) -> None:
    """Shape, cost, parameters and source, in texts."""
    node = next(one for one in graphs(deep)["operations"]["nodes"] if one["label"] == "conv2d_1_1")
    facts = {pair["key"]: pair["value"] for pair in node["attrs"]}
    assert facts["shape"] == "2, 4, 4, 4"
    assert facts["bytes"] == "512 bytes"
    assert facts["parameters"] == "stem.0.weight, stem.0.bias"
    assert node["outputsMetadata"][0]["attrs"][0]["value"] == "float32[2,4,4,4] (512 B)"
    assert node["style"]["backgroundColor"] == "#e3e3e3"


def test_refuses_other_endings(tmp_path: Path, deep: Trace) -> None:
    """Model Explorer tells a graph by its ending."""
    with pytest.raises(TraceError, match=r"ends in '\.txt'; a file for Model Explorer ends in"):
        write_model_explorer(deep, tmp_path / "graph.txt")
