"""Architectures of transformers, each built from a small configuration.

Language models give their logits, with the cache that they make; the others are the bare model or
the head that its paper is known for.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from tests.conformance.entries import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.entries import Built

_WORDS = 99
_SIDE = 32

_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
_TEXT = {**_SMALL, "vocab_size": _WORDS, "max_position_embeddings": 64}
_CAUSAL = {**_TEXT, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1}
_CAUSAL |= {"eos_token_id": 2, "head_dim": 8}
_VISION = {**_SMALL, "image_size": _SIDE, "patch_size": 8}
_SPEECH = {
    **_SMALL,
    "conv_dim": (16, 16),
    "conv_stride": (5, 4),
    "conv_kernel": (10, 4),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
_LAYERED = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4}
_LAYERED |= {"decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}

# configurations of two towers
_TOWERS = {"text_config": {**_TEXT, "projection_dim": 16}, "vision_config": _VISION}


@dataclass(frozen=True, slots=True)
class Network:
    """A class of transformers, how small it is made, and what it reads."""

    # names in `transformers`
    model: str
    config: str
    arguments: dict[str, Any]
    # key of INPUTS
    reads: str


def _encoder(name: str, **more: Any) -> Network:
    return Network(f"{name}Model", f"{name}Config", {**_TEXT, **more}, "words and mask")


def _causal(name: str, **more: Any) -> Network:
    return Network(f"{name}ForCausalLM", f"{name}Config", {**_CAUSAL, **more}, "words")


def _vision(name: str, **more: Any) -> Network:
    return Network(f"{name}Model", f"{name}Config", {**_VISION, **more}, "image")


LANGUAGE: dict[str, Network] = {
    "albert": _encoder("Albert", embedding_size=16),
    "bert": _encoder("Bert"),
    "deberta_v2": _encoder("DebertaV2", relative_attention=True, pos_att_type=["p2c", "c2p"]),
    "distilbert": Network(
        "DistilBertModel",
        "DistilBertConfig",
        {"vocab_size": _WORDS, "dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4},
        "words and mask",
    ),
    "electra": _encoder("Electra", embedding_size=16),
    "fnet": Network("FNetModel", "FNetConfig", _TEXT, "words"),
    "roberta": _encoder("Roberta"),
    "bloom": Network(
        "BloomForCausalLM",
        "BloomConfig",
        {"vocab_size": _WORDS, "hidden_size": 32, "n_layer": 2, "n_head": 4},
        "words",
    ),
    "gemma": _causal("Gemma"),
    "gemma2": _causal("Gemma2"),
    "gpt2": Network(
        "GPT2LMHeadModel",
        "GPT2Config",
        {"vocab_size": _WORDS, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
        "words",
    ),
    "gpt_neox": _causal("GPTNeoX"),
    "llama": _causal("Llama"),
    "mamba": Network(
        "MambaForCausalLM",
        "MambaConfig",
        {"vocab_size": _WORDS, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
        "words",
    ),
    "mistral": _causal("Mistral", sliding_window=4),
    "mixtral": _causal("Mixtral", num_local_experts=4, num_experts_per_tok=2),
    "opt": Network(
        "OPTForCausalLM",
        "OPTConfig",
        {**_TEXT, "ffn_dim": 64, "word_embed_proj_dim": 32, "pad_token_id": 0},
        "words",
    ),
    "phi": _causal("Phi"),
    "qwen2": _causal("Qwen2"),
    "qwen2_moe": _causal(
        "Qwen2Moe",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=32,
        shared_expert_intermediate_size=32,
    ),
    "qwen3": _causal("Qwen3"),
    "bart": Network(
        "BartForConditionalGeneration",
        "BartConfig",
        {**_LAYERED, "vocab_size": _WORDS, "max_position_embeddings": 64},
        "words to words",
    ),
    "t5": Network(
        "T5ForConditionalGeneration",
        "T5Config",
        {"vocab_size": _WORDS, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2}
        | {"num_heads": 4},
        "words to words",
    ),
}

VISION: dict[str, Network] = {
    "beit": _vision("Beit", use_relative_position_bias=True),
    "convnext": Network(
        "ConvNextModel",
        "ConvNextConfig",
        {"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 2, 1]},
        "image",
    ),
    "deit": _vision("DeiT"),
    "detr": Network(
        "DetrForObjectDetection",
        "DetrConfig",
        {
            **_LAYERED,
            "num_queries": 5,
            "backbone_config": {
                "model_type": "resnet",
                "embedding_size": 8,
                "hidden_sizes": [8, 8, 16, 16],
                "depths": [1, 1, 1, 1],
                "out_features": ["stage4"],
            },
        },
        "image",
    ),
    "dinov2": _vision("Dinov2"),
    "dinov3": _vision("DINOv3ViT"),
    "segformer": Network(
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        {
            "hidden_sizes": [8, 16, 16, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16,
            # as many keys as 32 x 32 pixels allow
            "sr_ratios": [4, 2, 1, 1],
        },
        "image",
    ),
    "swin": Network(
        "SwinModel",
        "SwinConfig",
        {
            "image_size": _SIDE,
            "patch_size": 2,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
        },
        "image",
    ),
    "vit": _vision("ViT"),
    "vit_mae": Network(
        "ViTMAEForPreTraining",
        "ViTMAEConfig",
        {**_VISION, "decoder_hidden_size": 16, "decoder_num_hidden_layers": 1}
        | {"decoder_num_attention_heads": 2, "decoder_intermediate_size": 32},
        "image",
    ),
}

OTHERS: dict[str, tuple[str, Network]] = {
    "clip": (
        "vision and language",
        Network("CLIPModel", "CLIPConfig", _TOWERS, "image and words"),
    ),
    "siglip": (
        "vision and language",
        Network("SiglipModel", "SiglipConfig", _TOWERS, "image and words"),
    ),
    "hubert": ("speech", Network("HubertModel", "HubertConfig", _SPEECH, "sound")),
    "wav2vec2": ("speech", Network("Wav2Vec2Model", "Wav2Vec2Config", _SPEECH, "sound")),
    "whisper": (
        "speech",
        Network(
            "WhisperForConditionalGeneration",
            "WhisperConfig",
            {
                **_LAYERED,
                "vocab_size": _WORDS,
                "num_mel_bins": 8,
                "max_source_positions": 20,
                "max_target_positions": 20,
                "pad_token_id": 0,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "decoder_start_token_id": 1,
                "suppress_tokens": None,
                "begin_suppress_tokens": None,
            },
            "spectrum to words",
        ),
    ),
}


def _words(count: int = 7) -> torch.Tensor:
    return torch.randint(3, _WORDS, (2, count))


INPUTS: dict[str, Callable[[], dict[str, torch.Tensor]]] = {
    "words": lambda: {"input_ids": _words()},
    "words and mask": lambda: {
        "input_ids": _words(),
        "attention_mask": torch.tensor([[1] * 7, [1] * 5 + [0] * 2]),
    },
    "words to words": lambda: {"input_ids": _words(), "decoder_input_ids": _words(5)},
    "image": lambda: {"pixel_values": torch.rand(1, 3, _SIDE, _SIDE)},
    "image and words": lambda: {
        "pixel_values": torch.rand(2, 3, _SIDE, _SIDE),
        "input_ids": _words(),
    },
    "sound": lambda: {"input_values": torch.randn(1, 800)},
    "spectrum to words": lambda: {
        "input_features": torch.randn(1, 8, 40),
        "decoder_input_ids": _words(5)[:1],
    },
}


def entries() -> list[Entry]:
    """Return an Entry for each of LANGUAGE, VISION and OTHERS."""
    found = {name: ("language", network) for name, network in LANGUAGE.items()}
    found |= {name: ("vision transformers", network) for name, network in VISION.items()}
    found |= OTHERS
    return [
        Entry(f"transformers/{name}", family, "transformers", functools.partial(_build, network))
        for name, (family, network) in found.items()
    ]


def _build(network: Network) -> Built:
    transformers: Any = importlib.import_module("transformers")
    config = getattr(transformers, network.config)(**network.arguments)
    return getattr(transformers, network.model)(config).eval(), INPUTS[network.reads]()
