"""Every torchvision model, with inputs as small as its architecture allows.

The names come from torchvision's own registry, so that a model it gains is in the catalogue.
"""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import torch

from tests.conformance.entries import Entry

if TYPE_CHECKING:
    from tests.conformance.entries import Built

# side of the square input image, by name or by the name's first part; 64 where it is not said
SIZES = {"inception_v3": 75, "maxvit_t": 224, "raft": 128}

# arguments of the builder beside the weights, by the name's first part
ARGUMENTS: dict[str, dict[str, Any]] = {
    "vit": {"image_size": 64},
    "vit_h_14": {"image_size": 56},
    "googlenet": {"init_weights": True, "transform_input": False, "aux_logits": False},
    "inception_v3": {"init_weights": True, "transform_input": False, "aux_logits": False},
}

# video models that fix the size of their clip: frames, side
CLIPS = {"mvit": (16, 224), "s3d": (16, 224), "swin3d": (8, 64)}


def entries() -> list[Entry]:
    """Return an Entry for each model of torchvision's registry."""
    import torchvision.models as zoo

    found = []
    for family, module, build in (
        ("classification", zoo, _classifier),
        ("segmentation", zoo.segmentation, _classifier),
        ("detection", zoo.detection, _detector),
        ("video", zoo.video, _video),
        ("optical flow", zoo.optical_flow, _flow),
        ("quantized", zoo.quantization, _quantized),
    ):
        for name in zoo.list_models(module=module):
            prefix = "torchvision-quantized" if family == "quantized" else "torchvision"
            plain = name.removeprefix("quantized_")
            made = functools.partial(build, name)
            found.append(Entry(f"{prefix}/{plain}", family, "torchvision", made))
    return found


def _of(table: dict[str, Any], name: str, default: Any) -> Any:
    return table.get(name) or table.get(name.split("_", maxsplit=1)[0]) or default


def _model(name: str, **arguments: Any) -> torch.nn.Module:
    import torchvision

    plain = name.removeprefix("quantized_")
    arguments = {**_of(ARGUMENTS, plain, {}), **arguments}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: torch.nn.Module = torchvision.models.get_model(name, weights=None, **arguments)
    return model.eval()


def _image(name: str) -> torch.Tensor:
    size = _of(ARGUMENTS, name, {}).get("image_size") or _of(SIZES, name, 64)
    return torch.rand(1, 3, size, size)


def _classifier(name: str) -> Built:
    backbone = {"weights_backbone": None} if name.startswith(("fcn", "deeplab", "lraspp")) else {}
    return _model(name, **backbone), _image(name)


def _detector(name: str) -> Built:
    # random weights see the same everywhere: take what there is, and little of it
    if "rcnn" in name:
        few: dict[str, Any] = {"rpn_pre_nms_top_n_test": 20, "rpn_post_nms_top_n_test": 8}
        few |= {"box_score_thresh": 0.0, "box_detections_per_img": 4}
    else:
        few = {"score_thresh": 0.0, "detections_per_img": 4, "topk_candidates": 10}
    sizes = {} if name.startswith("ssd") else {"min_size": 64, "max_size": 64}
    model = _model(name, weights_backbone=None, **sizes, **few)
    return model, ([torch.rand(3, 64, 64)],)


def _video(name: str) -> Built:
    frames, size = _of(CLIPS, name, (4, 32))
    return _model(name), torch.rand(1, 3, frames, size, size)


def _flow(name: str) -> Built:
    image = _image(name)
    return _model(name), (image, image.flip(-1))


def _quantized(name: str) -> Built:
    """Return the model converted to eight bits with observers that saw one image."""
    model: Any = _model(name, quantize=False)
    image = torch.rand(1, 3, 75 if "inception" in name else 64, 75 if "inception" in name else 64)
    torch.backends.quantized.engine = "fbgemm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fuse_model()
        model.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
        torch.ao.quantization.prepare(model, inplace=True)
        with torch.no_grad():
            model(image)
        torch.ao.quantization.convert(model, inplace=True)
    return model, image
