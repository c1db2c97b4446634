"""Functions traced as models, and what is asked of the conditionals in them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lens_pipeline import trace
from lens_pipeline.conditionals.branching import Conditional, conditionals

UP, DOWN = torch.ones(2), -torch.ones(2)


def run(forward, *inputs: Tensor):
    """Trace a function as the forward of a model."""
    model = type("Model", (nn.Module,), {"forward": lambda _, *args: forward(*args)})()
    return trace(model, inputs)


def ran(traced, conditional: Conditional) -> list[str]:
    """Names of the Ops in the arm that was taken."""
    return [traced.ops[op].name for op in conditional.ops]


def only(traced) -> Conditional:
    """The one conditional of a trace."""
    (conditional,) = conditionals(traced)
    return conditional
