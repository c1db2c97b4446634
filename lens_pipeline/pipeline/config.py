"""The config: one frozen value that says what one run is.

It is made from a plain nested dict, so that a study in Python needs no Hydra, and importing it
loads nothing heavy. Names that other rooms own (models, layers, measures) are checked there. Paths
become absolute here, so that a Config means the same in every working directory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lens_pipeline.digests import digest_value
from lens_pipeline.errors import ConfigError
from lens_pipeline.models.spec import ModelSpec, from_json
from lens_pipeline.pipeline import settings
from lens_pipeline.pipeline.sections.brain import (
    BOOL,
    OPTIONAL_FILE,
    TIME_MAPPING,
    BrainConfig,
    EncodingConfig,
    TimeMapping,
    unused_setting,
)
from lens_pipeline.pipeline.sections.drawing import DrawConfig
from lens_pipeline.pipeline.sections.executor import ExecutorConfig
from lens_pipeline.pipeline.settings import one_of, setting
from lens_pipeline.pipeline.sizes import OPTIONAL_SIZE, SIZE


@dataclass(frozen=True)
class ModelConfig:
    """Which network, with which weights."""

    # key of models.SOURCES
    source: str = setting(settings.TEXT)
    # the source's name for the architecture; free text for a user's own target
    name: str = setting(settings.TEXT)
    # "default", "random", a weight name of the source, or a file
    weights: str = setting(settings.FILE_OR_NAME, "default")
    # seed of random weights
    seed: int = setting(settings.NATURAL, 0)
    # package.module:function that returns the network
    target: str | None = setting(settings.OPTIONAL_TEXT, None)
    # arguments of the builder
    arguments: tuple[tuple[str, Any], ...] = setting(settings.PAIRS, ())
    # fields of the weights' own preprocessing that are overridden
    preprocessing: tuple[tuple[str, Any], ...] = setting(settings.PAIRS, ())


@dataclass(frozen=True)
class StimuliConfig:
    """Which images."""

    # key of STIMULUS_SOURCES
    source: str = setting(settings.TEXT)
    # name of the set in tables, figures and the run folder
    name: str = setting(settings.TEXT)
    # folder of images; None means the source's usual places
    root: Path | None = setting(settings.OPTIONAL_PATH, None)  # noqa: RUF009
    # csv, tsv or parquet with stimulus_id and filename
    table: Path | None = setting(settings.OPTIONAL_PATH, None)  # noqa: RUF009
    # what an undecodable image does to the run
    on_error: str = setting(one_of("stop", "skip"), "stop")
    # only the first so many stimuli; None means all
    limit: int | None = setting(settings.OPTIONAL_POSITIVE_INT, None)
    # where decoded stimuli are kept for other models: "auto" in sweeps, "off", or a folder
    cache: str = setting(settings.FILE_OR_NAME, "auto")
    # bytes that they may take
    cache_size: int = setting(SIZE, 8 * 10**9)


@dataclass(frozen=True)
class RsaConfig:
    """How representations are compared."""

    # dissimilarity of two stimuli
    method: str = setting(settings.TEXT, "correlation")
    # FILE or FILE:KEY of RDMs or features to compare with; none: layers with each other only
    reference: tuple[str, ...] = setting(settings.PATHS, ())
    # join by stimulus id, or take row i for stimulus i
    align: str = setting(one_of("id", "position"), "id")
    # label of the stimuli whose mean activations make the RDMs; None: each stimulus its own
    average: str | None = setting(settings.OPTIONAL_TEXT, None)
    # similarity of two RDMs
    measure: tuple[str, ...] = setting(settings.TEXTS, ("spearman",))
    # FILE or FILE:KEY of the noise covariance that mahalanobis needs
    noise: str | None = setting(OPTIONAL_FILE, None)
    # keep the RDMs and delete the activations
    online: bool = setting(BOOL, False)
    # when the passes of a layer are, in ms: a preset, or start and step of each layer
    time_mapping: TimeMapping = setting(TIME_MAPPING, ())  # noqa: RUF009
    # also compare layers by linear CKA
    cka: bool = setting(BOOL, False)
    # bootstrap draws; 0 for none; None for 1,000, or fewer for large RDMs
    bootstrap: int | None = setting(settings.optional(settings.NATURAL), None)
    # what is drawn; auto is dual with several subjects and stimuli with one
    resample: str = setting(one_of("auto", "dual", "both", "stimuli", "subjects"), "auto")
    # of draws and parts
    seed: int = setting(settings.NATURAL, 0)
    # share of confidence intervals that are to hold the true score
    interval: float = setting(settings.POSITIVE, 0.95)
    # of p-values, for the number of tests
    correction: str = setting(one_of("fdr", "holm", "bonferroni", "none"), "fdr")
    # what is parted to choose a layer on one part and score it on the others
    choose: str = setting(one_of("auto", "none", "stimuli", "both"), "auto")
    parts: int = setting(settings.POSITIVE_INT, 2)
    # models fitted and cross-validated: selected, weighted; none by default
    fitted: tuple[str, ...] = setting(settings.TEXTS, ())
    # column of the stimuli whose values are drawn and parted whole; None: each stimulus alone
    group: str | None = setting(settings.OPTIONAL_TEXT, "concept")


@dataclass(frozen=True)
class RuntimeConfig:
    """How a forward pass is run."""

    # auto is cuda where torch sees a device, else cpu
    device: str = setting(settings.DEVICE, "auto")
    # stimuli per forward pass
    batch_size: int = setting(settings.POSITIVE_INT, 32)
    # torch threads per worker; sums depend on it in the last bits
    threads: int = setting(settings.POSITIVE_INT, 1)
    # exact: bit for bit the eager forward pass; fast: faster, and measured against it
    mode: str = setting(one_of("exact", "fast"), "exact")
    # of the fast mode: torch.compile
    compile: bool = setting(BOOL, False)
    # of the fast mode: least Spearman correlation of a layer's RDM with the exact one
    fidelity: float = setting(settings.SHARE, 0.999)
    # of the fast mode: a layer below it is computed exactly, or is an error
    on_infidelity: str = setting(one_of("exact", "refuse"), "exact")
    # measure that values do not depend on the batch, and how much they do on threads
    certify: bool = setting(BOOL, True)


@dataclass(frozen=True)
class RunConfig:
    """Where results go."""

    # None means runs/<model>-<stimuli>-<digest>[-stand-in]
    folder: Path | None = setting(settings.OPTIONAL_PATH, None)  # noqa: RUF009
    # most megabytes of activations in one shard
    shard_megabytes: float = setting(settings.POSITIVE, 256.0)
    # how shards are compressed; auto: zstd for layers with many zeros, where it is installed
    compression: str = setting(one_of("auto", "none", "zstd", "zlib"), "auto")
    # how numbers are kept; int16-scaled: two bytes each, one scale per layer
    dtype: str = setting(one_of("float32", "int16-scaled"), "float32")
    # bytes that may still be written, of all jobs of a sweep; None means what the disk has free
    max_disk: int | None = setting(OPTIONAL_SIZE, None)
    # bytes of memory of all workers of this machine; None means what it has available
    max_memory: int | None = setting(OPTIONAL_SIZE, None)


@dataclass(frozen=True)
class Config:
    """Everything that one run is asked to do."""

    model: ModelConfig
    stimuli: StimuliConfig
    # "auto", "all" or selectors
    layers: tuple[str, ...] = ("auto",)
    # applied in this order; none keeps outputs as they are
    postfunction: tuple[str, ...] = ()
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    rsa: RsaConfig = field(default_factory=RsaConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    run: RunConfig = field(default_factory=RunConfig)
    brain: BrainConfig = field(default_factory=BrainConfig)
    encoding: EncodingConfig = field(default_factory=EncodingConfig)
    draw: DrawConfig = field(default_factory=DrawConfig)
    # "auto" lets random weights and the bundled sample stand in, "strict" does not
    assets: Literal["auto", "strict"] = "auto"


_SECTIONS: Mapping[str, type] = {
    "model": ModelConfig,
    "stimuli": StimuliConfig,
    "executor": ExecutorConfig,
    "rsa": RsaConfig,
    "runtime": RuntimeConfig,
    "run": RunConfig,
    "brain": BrainConfig,
    "encoding": EncodingConfig,
    "draw": DrawConfig,
}
_VALUES = {
    "layers": settings.TEXTS,
    "postfunction": settings.TEXTS,
    "assets": one_of("auto", "strict"),
}
# What the folder's name does not depend on: the same results, made elsewhere or otherwise.
_INCIDENTAL = ("executor", "run", "draw")
# rsa.method that leaves activations, their health and encoding models alone
NO_RDMS = "none"


def read_config(plain: Mapping[str, Any]) -> Config:
    """Return the Config that `plain` describes.

    Raises ConfigError with every unknown key and every wrong value, each with its path.
    """
    plain = _with_name(plain)
    errors = settings.unknown_keys(plain, {**_SECTIONS, **_VALUES})
    read: dict[str, Any] = {}
    for name, section in _SECTIONS.items():
        if name in plain or name in ("model", "stimuli"):
            read[name], found = settings.read_section(section, plain.get(name), name)
            errors += found
    for name, kind in _VALUES.items():
        if name in plain:
            read[name], found = settings.read_value(kind, plain[name], name)
            errors += found
    if errors:
        raise ConfigError(_sentence(errors))
    return _checked(Config(**read))


def _with_name(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a user's own model without a name that of its function."""
    model = plain.get("model")
    if not isinstance(model, Mapping) or model.get("name") or model.get("source") != "target":
        return plain
    if not model.get("target"):
        raise ConfigError("A model of your own needs model.target=package.module:function.")
    return {**plain, "model": {**model, "name": str(model["target"]).rpartition(":")[2]}}


def _checked(config: Config) -> Config:
    if not config.layers:
        raise ConfigError("layers is empty: give auto, all, or selectors such as [V1.output].")
    if config.executor.address and config.executor.name == "serial":
        raise ConfigError("executor.address needs executor=address or executor=dask.")
    if config.executor.name == "address" and not config.executor.address:
        raise ConfigError("executor=address needs executor.address=tcp://HOST:PORT.")
    if unused := unused_setting(config.brain):
        raise ConfigError(
            f"{unused} is about brain.files, and none are given: name the responses or RDMs in "
            "brain.files, with brain.root=FOLDER, and not in rsa.reference."
        )
    compared = config.rsa.reference or (config.brain.files and not config.encoding.methods)
    if config.rsa.method == NO_RDMS and (compared or config.rsa.online):
        raise ConfigError(
            "rsa.method=none makes no RDMs, which rsa.reference, brain data without encoding= and "
            "rsa.online need: leave them out, or give rsa.method=correlation."
        )
    return config


def _sentence(errors: list[str]) -> str:
    if len(errors) == 1:
        return f"The config is not allowed: {errors[0]}."
    return f"The config has {len(errors)} errors: " + "; ".join(errors) + "."


def plain_config(config: Config) -> dict[str, Any]:
    """Return the Config as nested dicts of JSON values; read_config undoes it."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(config))
    for name in ("arguments", "preprocessing"):
        plain["model"][name] = dict(plain["model"][name])
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def config_digest(config: Config) -> str:
    """Return the digest of what the results are, whoever computes them and wherever they go."""
    plain = plain_config(config)
    if config.run.dtype != "float32":
        plain["dtype"] = config.run.dtype
    for name in _INCIDENTAL:
        del plain[name]
    del plain["runtime"]["batch_size"], plain["runtime"]["certify"]
    del plain["stimuli"]["cache"], plain["stimuli"]["cache_size"]
    return digest_value(plain)


def model_spec(config: Config) -> ModelSpec:
    """Return the ModelSpec that the config asks for, not yet resolved."""
    return from_json(plain_config(config)["model"])


def setting_names() -> tuple[str, ...]:
    """Return the dotted name of every setting, groups included."""
    dotted = [
        f"{name}.{field.name}"
        for name, section in _SECTIONS.items()
        for field in dataclasses.fields(section)
    ]
    return (*_SECTIONS, *_VALUES, *dotted)
