"""What hooks see: every tensor, of every call."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from tests.conformance.hooks import tensors_in


def test_tensors_are_found_in_containers_and_dataclasses() -> None:
    """In order, each as often as it stands there."""

    @dataclasses.dataclass
    class Result:
        first: torch.Tensor
        rest: dict[str, Any]

    a, b = torch.zeros(1), torch.ones(1)
    assert [id(t) for t in tensors_in(Result(a, {"x": [b, (a, None, 3)]}))] == [id(a), id(b), id(a)]
