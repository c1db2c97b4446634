"""Our traces against those of torchlens: the same operations, reading the same operations.

Both tracers see the same model with the same weights and input. Where they differ, the difference
is written out in DIFFERENCES or REFUSED with the reason why ours is right, and no other is allowed.
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
from tests.differential.graphs import Node, lines

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


def ours(name: str) -> list[str]:
    model, inputs, gradients = build(name)
    with torch.set_grad_enabled(gradients):
        traced = trace(model, inputs, keep=None)
    return lines([Node(op.name if op.kind == "call" else op.kind, op.parents) for op in traced.ops])


@pytest.mark.parametrize("name", [name for name in CASES if name not in (*REFUSED, *OPAQUE)])
def test_the_same_operations_read_the_same(name: str, theirs: dict[str, Any]) -> None:
    """Every operation under its name, with its parents, but for what DIFFERENCES lists."""
    assert not isinstance(theirs[name], str), theirs[name]
    mine, other = ours(name), lines([Node(*node) for node in theirs[name]])
    only_ours, only_theirs = DIFFERENCES.get(name, (set(), set()))
    if name in ONLY_OURS:
        assert not set(mine) <= set(other)
        mine = [ONLY_OURS[name].sub("", line) for line in mine]
    assert set(mine) - set(other) == only_ours
    assert set(other) - set(mine) == only_theirs
    if not only_ours | only_theirs:
        assert sorted(mine) == sorted(other)


@pytest.mark.parametrize("name", OPAQUE)
def test_the_inside_of_attention_is_seen(name: str, theirs: dict[str, Any]) -> None:
    """Where torchlens has one fused operation, ours has the softmax and the products."""
    theirs_functions = {function for function, _ in theirs[name]}
    functions = {line.partition(" ")[0] for line in ours(name)}
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
    right = [Node("input", ()), Node("sin", (0,)), Node("cos", (1,))]
    wrong = [*right[:2], Node("cos", (0,))]
    assert set(lines(right)) - set(lines(wrong)) == {"cos 1 <- sin 1"}
