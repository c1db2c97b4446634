"""Postfunctions: what is done to a selected output before it is kept.

A chain is parsed from names (`spatial_mean`, `srp:1024`, `my_lab.pooling:top_k`) into a frozen
value without importing torch, so a wrong name is refused before any model is loaded. A compiled
chain maps a tensor of shape (stimulus, *units) and the names of its unit axes to another such pair.

What a function has to work on is decided by axis names, not by position: a spatial function leaves
a layer without rows and columns as it is, so one chain serves convolutions, tokens and vectors. The
axis names that come out, stored with each layer, say what was done.
"""

from lens_pipeline.postfunctions.application import Application, compile_chain
from lens_pipeline.postfunctions.axes import Dims, Postfunction, unit_dims
from lens_pipeline.postfunctions.chain import (
    Chain,
    Step,
    chain_texts,
    parse_postfunctions,
    source_digests,
)
from lens_pipeline.postfunctions.functions import POSTFUNCTIONS

__all__ = [
    "POSTFUNCTIONS",
    "Application",
    "Chain",
    "Dims",
    "Postfunction",
    "Step",
    "chain_texts",
    "compile_chain",
    "parse_postfunctions",
    "source_digests",
    "unit_dims",
]
