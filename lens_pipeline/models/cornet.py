"""The four CORnets: cortex-like networks of areas V1, V2, V4, IT and a decoder.

Architecture after Kubilius et al. 2018 (bioRxiv 408385: Z, R, S) and Kubilius, Schrimpf et al. 2019
(NeurIPS: S); RT is R with one synapse a time step. Parameters carry the published names, so a
published state dict fits once its leading `module.` is removed.

Each area ends in an Identity called `output`, called once a time step, so that `V4.output` has as
many passes as V4 has time steps. Images may have any size; the published weights were trained at
224 x 224.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

# area -> channels, from the retina inwards
CHANNELS = {"V1": 64, "V2": 128, "V4": 256, "IT": 512}

# area of CORnet-S -> time steps; V1 has one
S_STEPS = {"V2": 2, "V4": 4, "IT": 2}

# the bottleneck of a CORnet-S area is this many times wider than the area
S_WIDTH = 4


def cornet_z(num_classes: int = 1000) -> nn.Module:
    """Return CORnet-Z, purely feedforward: an area is one convolution, ReLU and max pooling."""
    net = _in_order(
        V1=_area_z(3, CHANNELS["V1"], kernel=7, stride=2),
        V2=_area_z(CHANNELS["V1"], CHANNELS["V2"], kernel=3, stride=1),
        V4=_area_z(CHANNELS["V2"], CHANNELS["V4"], kernel=3, stride=1),
        IT=_area_z(CHANNELS["V4"], CHANNELS["IT"], kernel=3, stride=1),
        decoder=_decoder(num_classes),
    )
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.get_parameter("bias"))
    return net


def cornet_r(num_classes: int = 1000, *, times: int = 5) -> nn.Module:
    """Return CORnet-R: from the second step on, a signal crosses all areas within one step.

    At the first step only V1 has input, so pass 1 of V2, V4 and IT is constant over images.
    """
    return Recurrent(num_classes, times=times, synapse_per_step=False)


def cornet_rt(num_classes: int = 1000, *, times: int = 5) -> nn.Module:
    """Return CORnet-RT: an area reads what the area below it gave one step earlier.

    Until the signal arrives an area is constant over images: V2 at pass 1, V4 at passes 1 and 2,
    IT at passes 1 to 3.
    """
    return Recurrent(num_classes, times=times, synapse_per_step=True)


def cornet_s(num_classes: int = 1000) -> nn.Module:
    """Return CORnet-S: shallow, with a bottleneck that V2, V4 and IT visit 2, 4 and 2 times."""
    net = _in_order(
        V1=_area_v1_s(),
        V2=BottleneckArea(CHANNELS["V1"], CHANNELS["V2"], steps=S_STEPS["V2"]),
        V4=BottleneckArea(CHANNELS["V2"], CHANNELS["V4"], steps=S_STEPS["V4"]),
        IT=BottleneckArea(CHANNELS["V4"], CHANNELS["IT"], steps=S_STEPS["IT"]),
        decoder=_decoder(num_classes),
    )
    net.get_submodule("decoder").add_module("output", nn.Identity())
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


# name -> builder
CORNETS: dict[str, Callable[..., nn.Module]] = {
    "cornet_z": cornet_z,
    "cornet_r": cornet_r,
    "cornet_rt": cornet_rt,
    "cornet_s": cornet_s,
}


class RecurrentArea(nn.Module):
    """One area of CORnet-R and -RT: feedforward drive plus its own last output, convolved."""

    def __init__(self, below: int, channels: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_input = nn.Conv2d(below, channels, kernel, stride=stride, padding=kernel // 2)
        self.norm_input = nn.GroupNorm(32, channels)
        self.nonlin_input = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(32, channels)
        self.nonlin1 = nn.ReLU(inplace=True)
        self.output = nn.Identity()

    def forward(self, signal: Tensor | None, state: Tensor) -> Tensor:
        """Return the area's output, which is its next state; no signal means no drive."""
        if signal is not None:
            state = self.nonlin_input(self.norm_input(self.conv_input(signal))) + state
        out: Tensor = self.output(self.nonlin1(self.norm1(self.conv1(state))))
        return out


class Recurrent(nn.Module):
    """CORnet-R and -RT: four recurrent areas unrolled over `times` steps, then the decoder."""

    def __init__(self, num_classes: int, *, times: int, synapse_per_step: bool) -> None:
        super().__init__()
        self.times = times
        self.synapse_per_step = synapse_per_step
        self.V1 = RecurrentArea(3, CHANNELS["V1"], kernel=7, stride=4)
        self.V2 = RecurrentArea(CHANNELS["V1"], CHANNELS["V2"], kernel=3, stride=2)
        self.V4 = RecurrentArea(CHANNELS["V2"], CHANNELS["V4"], kernel=3, stride=2)
        self.IT = RecurrentArea(CHANNELS["V4"], CHANNELS["IT"], kernel=3, stride=2)
        self.decoder = _decoder(num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the class scores after the last step; images are (batch, 3, row, col)."""
        outputs = self._blank(images)
        for step in range(self.times):
            before, outputs = outputs, [images]
            for index, area in enumerate((self.V1, self.V2, self.V4, self.IT)):
                below = before if self.synapse_per_step else outputs
                arrived = index == 0 or step > 0
                outputs.append(area(below[index] if arrived else None, before[index + 1]))
        scores: Tensor = self.decoder(outputs[-1])
        return scores

    def _blank(self, images: Tensor) -> list[Tensor]:
        """Return the images and the output of each area before the first step: zeros."""
        batch, _, row, col = images.shape
        blank = [images]
        for stride, channels in zip((4, 8, 16, 32), CHANNELS.values(), strict=True):
            blank.append(images.new_zeros(batch, channels, -(-row // stride), -(-col // stride)))
        return blank


class BottleneckArea(nn.Module):
    """V2, V4 or IT of CORnet-S: one bottleneck with shared convolutions, visited `steps` times.

    Each step has normalisations of its own. The first step halves the image, in `conv2` and in
    the `skip` around it.
    """

    def __init__(self, below: int, channels: int, steps: int) -> None:
        super().__init__()
        wide = channels * S_WIDTH
        self.steps = steps
        self.conv_input = nn.Conv2d(below, channels, 1, bias=False)
        self.skip = nn.Conv2d(channels, channels, 1, stride=2, bias=False)
        self.norm_skip = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, wide, 1, bias=False)
        self.nonlin1 = nn.ReLU(inplace=True)
        self.conv2 = StridedConv2d(wide, wide, 3, padding=1, bias=False)
        self.nonlin2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(wide, channels, 1, bias=False)
        self.nonlin3 = nn.ReLU(inplace=True)
        self.output = nn.Identity()
        for step in range(steps):
            self.add_module(f"norm1_{step}", nn.BatchNorm2d(wide))
            self.add_module(f"norm2_{step}", nn.BatchNorm2d(wide))
            self.add_module(f"norm3_{step}", nn.BatchNorm2d(channels))

    def forward(self, signal: Tensor) -> Tensor:
        """Return the output of the last step."""
        out: Tensor = self.conv_input(signal)
        for step in range(self.steps):
            norm1, norm2, norm3 = (self.get_submodule(f"norm{i}_{step}") for i in (1, 2, 3))
            skip = self.norm_skip(self.skip(out)) if step == 0 else out
            out = self.nonlin1(norm1(self.conv1(out)))
            out = self.nonlin2(norm2(self.conv2(out, 2 if step == 0 else 1)))
            out = norm3(self.conv3(out))
            out += skip
            out = self.output(self.nonlin3(out))
        return out


class StridedConv2d(nn.Conv2d):
    """A convolution whose stride is chosen at each call.

    The stride is an argument, not a changed attribute, so that two threads can share the module.
    """

    def forward(self, input: Tensor, stride: int = 1) -> Tensor:  # noqa: A002
        """Return the convolution of (batch, channel, row, col) with this stride on both axes."""
        return functional.conv2d(input, self.weight, self.bias, (stride, stride), self.padding)


def _area_z(below: int, channels: int, *, kernel: int, stride: int) -> nn.Sequential:
    return _in_order(
        conv=nn.Conv2d(below, channels, kernel, stride=stride, padding=kernel // 2),
        nonlin=nn.ReLU(inplace=True),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
        output=nn.Identity(),
    )


def _area_v1_s() -> nn.Sequential:
    channels = CHANNELS["V1"]
    return _in_order(
        conv1=nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False),
        norm1=nn.BatchNorm2d(channels),
        nonlin1=nn.ReLU(inplace=True),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
        conv2=nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        norm2=nn.BatchNorm2d(channels),
        nonlin2=nn.ReLU(inplace=True),
        output=nn.Identity(),
    )


def _decoder(num_classes: int) -> nn.Sequential:
    return _in_order(
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        linear=nn.Linear(CHANNELS["IT"], num_classes),
    )


def _in_order(**parts: nn.Module) -> nn.Sequential:
    """Return the parts one after the other, each under its name."""
    return nn.Sequential(OrderedDict(parts))
