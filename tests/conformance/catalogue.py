"""Every model that the conformance run looks at, from each library's room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance import (
    small_models,
    timm_models,
    torchvision_models,
    transformers_models,
)

if TYPE_CHECKING:
    from tests.conformance.entries import Entry


def catalogue() -> dict[str, Entry]:
    """Return every Entry by name; importing nothing but torchvision."""
    found = [
        *small_models.entries(),
        *torchvision_models.entries(),
        *timm_models.entries(),
        *transformers_models.entries(),
    ]
    return {entry.name: entry for entry in found}
