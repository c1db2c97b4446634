"""A Task: one model on one slice of the stimuli, small enough to send to any worker.

A Task is frozen, picklable and says everything that its result depends on; its key is a digest of
that content. Two Tasks with one key have the same result, so a shard found under a key is done.
This module imports no torch: a finished run recognises itself without loading it.
"""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import lens_pipeline
from lens_pipeline.digests import digest_value
from lens_pipeline.models.spec import ModelSpec, to_json

if TYPE_CHECKING:
    from pathlib import Path

# Raised whenever the same Task would give other bytes than before.
FORMAT = 2

# Raised whenever the fast mode alone would.
_FAST_FORMAT = 2

_VERSIONED = ("torch", "torchvision", "pillow", "numpy")
# Sources whose models may be made of timm's code.
_OF_TIMM = frozenset({"timm", "target"})


@dataclass(frozen=True)
class Runtime:
    """How the forward pass is run."""

    # "cpu", "cuda" or "cuda:1"; never "auto", which is resolved before a Task is made
    device: str = "cpu"
    # torch threads of the worker; part of the key, since sums depend on it in the last bits
    threads: int = 1
    # stimuli per forward pass
    batch_size: int = 32
    # "exact", bit for bit the eager forward pass, or "fast"
    mode: str = "exact"
    # the fast mode compiles the model
    compile: bool = False
    # least Spearman correlation of a fast layer's RDM with the exact one
    fidelity: float = 0.999
    # what becomes of a fast layer below it: "exact" computes it exactly, "refuse" is an error
    on_infidelity: str = "exact"
    # a probe measures how far values depend on the batch and on threads; changes no value
    certify: bool = True


@dataclass(frozen=True)
class Task:
    """One model x a slice of a stimulus set x selectors x postfunctions."""

    model: ModelSpec
    # digest of each file that the model is made from (weights, the user's source), by role
    model_digests: tuple[tuple[str, str], ...]
    # folder that `files` are relative to
    root: Path
    ids: tuple[str, ...]
    files: tuple[str, ...]
    # digest of each stimulus file, aligned with `files`
    file_digests: tuple[str, ...]
    # "auto" and presets are resolved to selectors before a Task is made
    selectors: tuple[str, ...]
    postfunctions: tuple[str, ...] = ()
    # digest of the source of each user postfunction, by its dotted path
    postfunction_digests: tuple[tuple[str, str], ...] = ()
    runtime: Runtime = field(default_factory=Runtime)
    # a key of store's COMPRESSIONS; changes no value
    compression: str = "auto"
    # "float32", values as they are computed, or "int16-scaled"
    dtype: str = "float32"
    # position of the first stimulus of this slice in the whole set
    start: int = 0


def task_key(task: Task) -> str:
    """Return the digest of everything that the Task's result depends on.

    Paths and batch size are left out: they change where and how fast, not what.
    """
    spec = to_json(task.model)
    digests = dict(task.model_digests)
    if "weights" in digests:
        spec["weights"] = "by digest"
    return digest_value(
        {
            "format": FORMAT,
            "model": {"spec": spec, "digests": digests, "versions": versions(task.model.source)},
            "ids": task.ids,
            "files": task.file_digests,
            "selectors": task.selectors,
            "postfunctions": task.postfunctions,
            "postfunction_digests": task.postfunction_digests,
            "device": task.runtime.device.partition(":")[0],
            "threads": task.runtime.threads,
            "mode": _mode_facts(task.runtime),
            "dtype": task.dtype,
        }
    )


@functools.cache
def versions(source: str = "") -> dict[str, str]:
    """Return the installed versions of the packages that a result depends on.

    `source` of the model: what other models are made of is left out.
    """
    # of the code that runs, which may be a checkout that was never installed
    found = {"lens-pipeline": lens_pipeline.__version__}
    for name in (*_VERSIONED, *(["timm"] if source in _OF_TIMM else [])):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def _mode_facts(runtime: Runtime) -> tuple[str | bool | float, ...]:
    """Return what the mode makes of the bits; what the exact mode does not read is left out."""
    if runtime.mode == "exact":
        return ("exact",)
    return (runtime.mode, _FAST_FORMAT, runtime.compile, runtime.fidelity)
