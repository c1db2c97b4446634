"""The lists: models by name, sources of stimuli, brain data, and the layers of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.console import text_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lens_pipeline.tracer.trace import Trace


def models() -> str:
    """Return a table of the models that have a config."""
    from lens_pipeline.models.catalogue import list_models

    rows = [
        (f"model={row.name}", row.what, ",".join(row.layers or ("main blocks",)))
        for row in list_models()
    ]
    return text_table(("model", "what", "layers=auto"), rows)


def configs(group: str) -> str:
    """Return a table of the configs of a group of settings, each with its first line."""
    from lens_pipeline.resources import conf_folder

    rows = []
    for path in sorted((conf_folder() / group).glob("[!_]*.yaml")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        rows.append((f"{group}={path.stem}", first.removeprefix("#").strip()))
    return text_table((group, "what"), rows)


def layers(plain: Mapping[str, Any]) -> str:
    """Return a table of every module and every operation of the config's model.

    Raises LensError if the model cannot be loaded or run on one of the config's stimuli.
    """
    import torch

    from lens_pipeline.pipeline.job.examples import running, structural_example
    from lens_pipeline.tracer.run import trace

    example = structural_example(read_config(plain))
    with torch.no_grad(), running(example):
        traced = trace(example.loaded.module, example.batch, keep=None)
    header = ("select by", "passes", "shape", "what")
    rows = [*_modules(traced), *_operations(traced)]
    return text_table(header, rows)


def _modules(traced: Trace) -> list[tuple[str, int, str, str]]:
    rows: dict[str, tuple[str, int, str, str]] = {}
    for call in traced.module_calls:
        if call.address and call.outputs:
            shape = _shape(traced.ops[call.outputs[0]].shape)
            rows[call.address] = (call.address, call.number, shape, call.class_name)
    return list(rows.values())


def _operations(traced: Trace) -> list[tuple[str, int, str, str]]:
    return [
        (layer.label, len(layer.ops), _shape(traced.ops[layer.ops[0]].shape), "operation")
        for layer in traced.layers
    ]


def _shape(shape: tuple[int, ...]) -> str:
    """Return the shape for one stimulus; its first axis is of length one here."""
    return " x ".join(str(size) for size in shape[1:]) or "one number"
