"""Forty families of timm, one small variant each."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch

from tests.conformance.entries import Entry

if TYPE_CHECKING:
    from tests.conformance.entries import Built

# name in timm's registry -> side of the square input image
MODELS: dict[str, int] = {
    "beit_base_patch16_224": 32,
    "cait_xxs24_224": 64,
    "coat_lite_tiny": 224,
    "coatnet_pico_rw_224": 224,
    "convit_tiny": 64,
    "convmixer_768_32": 32,
    "convnext_atto": 64,
    "convnextv2_atto": 64,
    "crossvit_tiny_240": 240,
    "cspresnet50": 64,
    "davit_tiny": 64,
    "deit3_small_patch16_224": 32,
    "densenet121": 64,
    "dla34": 64,
    "dpn48b": 64,
    "edgenext_xx_small": 64,
    "efficientformer_l1": 224,
    "efficientnet_b0": 64,
    "efficientvit_b0": 64,
    "eva02_tiny_patch14_224": 28,
    "fastvit_t8": 64,
    "focalnet_tiny_srf": 64,
    "gcvit_xxtiny": 224,
    "ghostnetv2_100": 64,
    "gmixer_24_224": 224,
    "hgnet_tiny": 64,
    "hrnet_w18_small": 64,
    "inception_v4": 96,
    "levit_128s": 224,
    "maxvit_rmlp_pico_rw_256": 256,
    "mixer_s32_224": 224,
    "mobilenetv4_conv_small": 64,
    "mobilevit_xxs": 64,
    "nasnetalarge": 64,
    "nfnet_l0": 64,
    "pit_ti_224": 224,
    "poolformer_s12": 64,
    "pvt_v2_b0": 64,
    "regnety_002": 64,
    "repvgg_a0": 64,
    "rexnet_100": 64,
    "res2net50_14w_8s": 64,
    "resmlp_12_224": 224,
    "resnest14d": 64,
    "resnetv2_50": 64,
    "sequencer2d_s": 64,
    "skresnet18": 64,
    "swin_tiny_patch4_window7_224": 224,
    "swinv2_cr_tiny_ns_224": 224,
    "tiny_vit_5m_224": 64,
    "tnt_s_patch16_224": 224,
    "twins_svt_small": 64,
    "vit_tiny_patch16_224": 32,
    "volo_d1_224": 224,
    "xception41": 64,
    "xcit_nano_12_p8_224": 64,
}

# families that must be told the size of their images when they are built
_SIZED = ("beit", "deit3", "eva02", "vit", "cait", "convit", "xcit")


def entries() -> list[Entry]:
    """Return an Entry for each of MODELS."""
    return [
        Entry(f"timm/{name}", "timm", "timm", functools.partial(_build, name, side))
        for name, side in MODELS.items()
    ]


def _build(name: str, side: int) -> Built:
    import timm

    sized: dict[str, Any] = {"img_size": side} if name.split("_", maxsplit=1)[0] in _SIZED else {}
    model = timm.create_model(name, pretrained=False, **sized)
    return model.eval(), torch.rand(1, 3, side, side)
