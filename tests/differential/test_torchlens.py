"""Our traces against those of torchlens: the same operations, reading the same, in the same layers.

Both tracers see the same model with the same weights and input. Where they differ, the difference
is written out in DIFFERENCES, LAYERS, OPAQUE or REFUSED with the reason why ours is right, and no
other is allowed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lens_pipeline import trace, validate
from tests.differential.cases import CASES, build
from tests.differential.graphs import Node, lines, recurrent

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torchlens") is None,
    reason="torchlens is not installed: it is an optional extra for comparing against it",
)

ROOT = Path(__file__).parents[2]

# For each case where the graphs differ: lines that only ours has, lines that only torchlens has.
DIFFERENCES: dict[str, tuple[set[str], set[str]]] = {
    # Only one column of the product was written through the view: the rest of what is read later
    # still comes from the product itself.
    "in place through a view": ({"mul 2 <- add 1, mul 1"}, {"mul 2 <- add 1"}),
    # Two views were written in turn; whoever reads the whole reads both writes and the rest.
    "disjoint views": ({"add 2 <- add 1, mul 1, mul 2"}, {"add 2 <- mul 2"}),
    # A view made before its base is written still is a view, not the base: it reads both.
    "base of a view": ({"mul 2 <- add 1, getitem 1"}, {"mul 2 <- add 1"}),
    # The copy filled two rows; the other rows of what is returned are the zeros.
    "copy into a part": ({"output 1 <- copy 1, zeros 1"}, {"output 1 <- copy 1"}),
    # An operation whose result nobody reads was still executed.
    "dead end": ({"rand 1"}, set()),
    # A module that returns its input is a place where activations can be asked for.
    "input returned": (
        {"identity 1 <- input 1", "output 1 <- identity 1"},
        {"output 1 <- input 1"},
    ),
    # The parameter is two-dimensional already, so flatten returns it as it came: still a call.
    "spectral norm": (
        {"flatten 1", "mv 1 <- clone 2, flatten 1", "div 1 <- flatten 1, vdot 1"},
        {"mv 1 <- clone 2", "div 1 <- vdot 1"},
    ),
    # interpolate is Python code that calls one kernel for each mode; that call is the operation.
    "interpolate": (
        {"upsamplebilinear2d 1 <- pad 1", "output 1 <- upsamplebilinear2d 1"},
        {"interpolate 1 <- pad 1", "output 1 <- interpolate 1"},
    ),
}

# Swin V2 copies each bias and zeroes its middle through a view, as "in place through a view" does:
# the linear layer reads the zeros and the rest of the copy. This is what only ours has.
ONLY_OURS = {"swin_v2_t": re.compile(r"clone (\d+), (?=reshape \d+, zero \1$)")}

# For each case where the layers differ: those with several passes that only ours has, and that only
# torchlens has, each under its first operation.
LAYERS: dict[str, tuple[set[str], set[str]]] = {
    # relu is applied to what two calls of one layer gave: one place in both branches.
    "siamese": ({"relu 1 x2"}, set()),
    # One weight is one layer, at whichever of its addresses it is used.
    "tied": ({"linear 1 x2"}, set()),
    # The test before the first round is the test before every other.
    "while loop": ({"sum 1 x4", "lt 1 x4"}, {"sum 2 x3", "lt 2 x3"}),
    # What a loop makes changes its shape; the place where it is made does not change.
    "growing tensor": ({"cat 1 x3"}, set()),
    # A loop over the rows of a tensor.
    "rows": ({"add 1 x5"}, set()),
    # The outputs of the areas before the first step are made in a loop.
    "cornet_r": ({"newzeros 1 x4"}, set()),
    "cornet_rt": ({"newzeros 1 x4"}, set()),
    # The second convolution of an area has a larger stride in the first step: the same weights.
    "cornet_s": (
        {"relu 3 x2", "conv2d 6 x2", "relu 9 x4", "conv2d 14 x4", "relu 21 x2", "conv2d 28 x2"},
        {"relu 12 x3", "conv2d 17 x3"},
    ),
    # A block adds on two lines, which are two places and no loop.
    "vit": (set(), {"add 2 x2", "add 4 x2"}),
    # The same; and the mask of a shifted window is filled in a loop.
    "swin_v2_t": (
        {"setitem 1 x9"},
        {"add 2 x2"}
        | {f"add {number} x2" for number in range(6, 37, 3)}
        | {f"identity {number} x2" for number in range(1, 24, 2)},
    ),
}

# Without gradients torch runs attention as one fused kernel; ours shows its inside all the same.
OPAQUE = {
    "attention without gradients": "_native_multi_head_attention",
    "encoder layer without gradients": "_transformer_encoder_layer_fwd",
}

# Models that torchlens cannot trace, with a part of what it says; ours are validated.
REFUSED = {
    "parameter returned": "could not attribute a model output tensor",
    "sparse product": "could not attribute a model output tensor",
}


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The graphs that torchlens traced, or its errors, in a process of its own."""
    path = tmp_path_factory.mktemp("torchlens") / "graphs.json"
    python_path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    subprocess.run(
        [sys.executable, "-m", "tests.differential.torchlens_worker", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": python_path},
        check=True,
    )
    graphs: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return graphs


def ours(name: str) -> list[Node]:
    model, inputs, gradients = build(name)
    with torch.set_grad_enabled(gradients):
        traced = trace(model, inputs, keep=None)
    names = [op.name if op.kind == "call" else op.kind for op in traced.ops]
    return [Node(name, op.parents, op.layer) for name, op in zip(names, traced.ops, strict=True)]


@pytest.mark.parametrize("name", [name for name in CASES if name not in (*REFUSED, *OPAQUE)])
def test_the_same_operations_read_the_same(name: str, theirs: dict[str, Any]) -> None:
    """Every operation under its name, with its parents, but for what DIFFERENCES lists."""
    assert not isinstance(theirs[name], str), theirs[name]
    mine, other = lines(ours(name)), lines([Node(*node) for node in theirs[name]])
    only_ours, only_theirs = DIFFERENCES.get(name, (set(), set()))
    if name in ONLY_OURS:
        assert not set(mine) <= set(other)
        mine = [ONLY_OURS[name].sub("", line) for line in mine]
    assert set(mine) - set(other) == only_ours
    assert set(other) - set(mine) == only_theirs
    if not only_ours | only_theirs:
        assert sorted(mine) == sorted(other)


@pytest.mark.parametrize("name", [name for name in CASES if name not in (*REFUSED, *OPAQUE)])
def test_the_same_layers_have_the_same_passes(name: str, theirs: dict[str, Any]) -> None:
    """Every layer with several passes is one in both, but for what LAYERS lists."""
    mine, other = recurrent(ours(name)), recurrent([Node(*node) for node in theirs[name]])
    assert (mine - other, other - mine) == LAYERS.get(name, (set(), set()))


@pytest.mark.parametrize("name", OPAQUE)
def test_the_inside_of_attention_is_seen(name: str, theirs: dict[str, Any]) -> None:
    """Where torchlens has one fused operation, ours has the softmax and the products."""
    theirs_functions = {function for function, _, _ in theirs[name]}
    functions = {line.partition(" ")[0] for line in lines(ours(name))}
    assert OPAQUE[name] in theirs_functions
    assert {"softmax", "bmm"} <= functions or "scaleddotproductattention" in functions


@pytest.mark.parametrize("name", REFUSED)
def test_what_torchlens_refuses_is_traced(name: str, theirs: dict[str, Any]) -> None:
    """It says why it cannot; our trace of the same model is proven."""
    assert REFUSED[name] in theirs[name]
    model, inputs, _ = build(name)
    report = validate(model, inputs)
    assert report.ok, str(report)


def test_a_wrong_edge_would_be_seen() -> None:
    """The comparison can fail: one changed parent is another line."""
    right = [Node("input", (), 0), Node("sin", (0,), 1), Node("cos", (1,), 2)]
    wrong = [*right[:2], Node("cos", (0,), 2)]
    assert set(lines(right)) - set(lines(wrong)) == {"cos 1 <- sin 1"}


def test_a_wrong_layer_would_be_seen() -> None:
    """The comparison of layers can fail: one pass of another layer is another count."""
    right = [Node("input", (), 0), Node("sin", (0,), 1), Node("sin", (1,), 1)]
    assert recurrent(right) == {"sin 1 x2"}
    assert recurrent([*right[:2], Node("sin", (1,), 2)]) == set()
