"""A run folder with little in it, as a finished run leaves it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = {
    "model": {"source": "torchvision", "name": "resnet18", "weights": "random", "seed": 3},
    "stimuli": {"name": "things", "limit": None},
    "layers": ["layer1", "<script>alert(1)</script>"],
    "postfunction": ["flatten"],
    "rsa": {"method": "correlation", "measure": ["spearman"], "bootstrap": 1000, "cka": True},
    "brain": {
        "files": ["meg.nc"],
        "cite": "@article{a2000,\n title = {A}}\n@article{b2001, title = {B}}\n",
    },
    "encoding": {"methods": ["pls"]},
    "runtime": {"mode": "exact", "device": "cpu", "threads": 1, "batch_size": 32},
    "executor": {"name": "serial", "workers": 1},
}
_TIMES = {f"meg@{time}ms": "3 stimuli matched" for time in (100, 150)}
RECORD: dict[str, Any] = {
    "format": 0,
    "config": CONFIG,
    "versions": {"torch": "2.15.0"},
    "model": {**CONFIG["model"], "arguments": {"num_classes": 10}, "preprocessing": {"crop": 64}},
    "stand_ins": ["Random weights (seed 3) stand in & nobody knows why."],
    "stimuli": {"name": "things", "n": 4, "found": 5, "refused": ["x"], "listing": "abc"},
    "structure": {
        "layers": [
            {
                "name": "layer1",
                "passes": [1, 2],
                "shape": [4, 2, 2],
                "attrs": {
                    "aliases": '["add_1", "layer1.1"]',
                    "difference_by_batch": 0.0,
                    "difference_by_threads": 2.5e-7,
                    "mode": "fast",
                },
            }
        ],
        "weights_digest": "w",
        "digest": "g",
        "preprocessing": {"crop": 64},
    },
    "slices": [{}, {}],
    "seconds": {
        "activations": 75.0,
        "tasks, decoding": 3.0,
        "tasks, computing": 9.0,
        "analysis": 25.0,
    },
    "analysis": {
        "references": {"it": "4 stimuli matched", **_TIMES},
        "left_out": ["V1:1 is constant"],
        "reference_files": {"/lab/b.npz": "d1"},
        "versions": {"scipy": "1.16"},
        "cautions": ["it has 2 subjects & that is few."],
    },
}
SCORES = """\
layer,pass,reference,region,time_ms,measure,score,ci_low,ci_high,p_corrected,ceiling_lower,ceiling_upper
layer1,1,it,,,spearman,0.25,0.1,0.4,0.01,0.5,0.6
layer1,2,it,,,spearman,-0.05,-0.2,0.1,0.7,0.5,0.6
layer1,1,meg@100ms,,100,spearman,0.1,,,0.001,,
layer1,1,meg@150ms,,150,spearman,0.3,,,0.001,,
"""
COMPARISONS = """\
reference,measure,layer,pass,other_layer,other_pass,difference,sem,p_value,p_corrected
it,spearman,layer1,1,layer1,2,-0.2,0.05,0.001,0.003
it,spearman,layer1,1,layer2,1,0.1,0.09,0.2,0.3
it,spearman,layer1,2,layer2,1,0.3,0.05,0.001,0.003
meg@100ms,spearman,layer1,1,layer2,1,0.3,0.05,0.001,0.003
"""
CHOICES = """\
reference,measure,part,layer,pass,score,n_stimuli_choosing,n_stimuli
it,spearman,1,layer1,2,0.123,46,47
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a finished run folder."""
    folder = tmp_path / "resnet18-things"
    (folder / "figures").mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(RECORD))
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (folder / "scores.csv").write_text(SCORES)
    (folder / "choices.csv").write_text(CHOICES)
    (folder / "comparisons.csv").write_text(COMPARISONS)
    (folder / "health.csv").write_text("layer,pass,nan\nlayer1,1,0\n")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"></svg>'
    for name in ("scores_spearman", "rdms", "extra"):
        (folder / "figures" / f"{name}.svg").write_text(svg)
    return folder
