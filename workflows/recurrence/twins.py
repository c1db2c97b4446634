"""Feed-forward twins: the CORnets with each area run once, over the same parameters.

A state dict of the recurrent net fits its twin, so twins share every weight; what a twin lacks is
time. Its areas were not trained to be read after one pass, which the README says what to make of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.models import cornet

if TYPE_CHECKING:
    from torch import Tensor, nn


def cornet_s(num_classes: int = 1000) -> nn.Module:
    """Return CORnet-S whose V2, V4 and IT take their first step only.

    V1 and pass 1 of V2 are those of CORnet-S; V4 and IT read what was not refined.
    """
    net = cornet.cornet_s(num_classes)
    for area in cornet.S_STEPS:
        net.get_submodule(area).steps = 1  # type: ignore[assignment]
    return net


def cornet_rt(num_classes: int = 1000) -> nn.Module:
    """Return CORnet-RT as one sweep: each area is driven once, by the area below, from blank."""
    return OneSweep(num_classes, times=1, synapse_per_step=True)


class OneSweep(cornet.Recurrent):
    """Areas of CORnet-RT in a row, each with no output of its own to add."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the class scores; images are (batch, 3, row, col)."""
        signal, blank = images, self._blank(images)[1:]
        for area, state in zip((self.V1, self.V2, self.V4, self.IT), blank, strict=True):
            signal = area(signal, state)
        scores: Tensor = self.decoder(signal)
        return scores
