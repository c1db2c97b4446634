"""Probing: from inputs to a plan, which takes a model and a traced pass of a few stimuli.

Where a record says that nothing the structure follows from has changed, its outline is taken and no
model is loaded; except a user's own, which may load weights from files that nobody else knows of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.models.spec import preprocessing_to_json, to_json
from lens_pipeline.pipeline.config import plain_config
from lens_pipeline.pipeline.job.inputs import (
    model_digests,
    request_digest,
    stimulus_paths,
)
from lens_pipeline.pipeline.job.plan import (
    Outline,
    Plan,
    make_plan,
    outline_from_json,
    outline_to_json,
    runtime_of,
    stimulus_bytes,
)
from lens_pipeline.pipeline.job.record import Record, places
from lens_pipeline.pipeline.job.run import Probed, torch_threads
from lens_pipeline.pipeline.memory import resident_bytes, worker_need
from lens_pipeline.postfunctions import chain_texts, source_digests
from lens_pipeline.runtime.pages import give_back
from lens_pipeline.task import versions

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.extraction import Structure
    from lens_pipeline.models.spec import ModelSpec
    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.pipeline.job.inputs import Inputs
    from lens_pipeline.task import Runtime

# A probe looks at this many stimuli, by mode; fewer are made up to it. The fast mode compares RDMs.
_EXAMPLES = {"exact": 3, "fast": 16}


@dataclass(frozen=True)
class ProbeOrder:
    """What a process has to know to probe a model; small and picklable."""

    spec: ModelSpec
    # "auto" or selectors
    layers: str | tuple[str, ...]
    postfunctions: tuple[str, ...]
    runtime: Runtime
    # the stimuli to look at
    examples: tuple[Path, ...]
    # as run.dtype
    dtype: str = "float32"


def plan_run(
    config: Config, inputs: Inputs, *, folder: Path, earlier: Record | None
) -> tuple[Plan, Probed | None]:
    """Return the plan, and the probed model unless the `earlier` record made that unnecessary."""
    known = known_outline(config, inputs, earlier)
    if known:
        return make_plan(config, inputs, outline=known, folder=folder), None
    probed = probe_model(config, inputs)
    return make_plan(config, inputs, outline=outline_of(probed), folder=folder), probed


def known_outline(config: Config, inputs: Inputs, earlier: Record | None) -> Outline | None:
    """Return the outline in a record if nothing that it follows from has changed since."""
    known = inputs.model.spec.source != "target" and earlier
    if known and known.request == request_digest(config, inputs):
        return outline_from_json(known.structure)
    return None


def probe_order(config: Config, inputs: Inputs) -> ProbeOrder:
    """Return what it takes to probe the model of a config."""
    return ProbeOrder(
        spec=inputs.model.spec,
        layers="auto" if config.layers == ("auto",) else config.layers,
        postfunctions=chain_texts(inputs.chain),
        runtime=runtime_of(config, inputs),
        examples=tuple(stimulus_paths(inputs.stimuli)[: _EXAMPLES[config.runtime.mode]]),
        dtype=config.run.dtype,
    )


def probe_model(config: Config, inputs: Inputs) -> Probed:
    """Load the model and trace it on the first stimuli; see `probe_as_ordered`."""
    return probe_as_ordered(probe_order(config, inputs))


def probe_as_ordered(order: ProbeOrder) -> Probed:
    """Load the model and trace it on a few stimuli.

    Raises ModelError, SelectorError, PostfunctionError, StimulusError or TraceError.
    """
    import torch

    from lens_pipeline.extraction import load_example, probe
    from lens_pipeline.models.loading import load_model
    from lens_pipeline.tracer.run import trace

    runtime = order.runtime
    with torch_threads(runtime.threads):
        loaded = load_model(order.spec)
        loaded.module.to(runtime.device)
        images = [load_example(path, loaded.transform) for path in order.examples]
        examples = torch.stack(images).to(runtime.device)
        structure = probe(
            loaded,
            order.layers,
            order.postfunctions,
            examples=examples,
            runtime=runtime,
            dtype=order.dtype,
        )
        with torch.no_grad():
            traced = trace(loaded.module, (examples[:2],), keep=None)
    # now that tracing has loaded what it needs, which can be more than torch itself
    give_back()
    need = worker_need(
        traced,
        kept=[pick.op for pick in structure.picks],
        copied=_copied(structure),
        resident=resident_bytes(),
    )
    return Probed(loaded, structure, need)


def _copied(structure: Structure) -> int:
    """Return the bytes of a stimulus that are no part of what the model computed itself."""
    made = (
        structure.layers
        if structure.postfunctions
        else [spec for spec in structure.layers if len(spec.passes) > 1]
    )
    return sum(map(stimulus_bytes, made))


def outline_of(probed: Probed) -> Outline:
    """Return what a probe told, as plain values."""
    structure, used = probed.structure, probed.loaded.preprocessing
    return Outline(
        selectors=structure.selectors,
        layers=structure.layers,
        skipped=structure.skipped,
        bytes_per_stimulus=structure.bytes_per_stimulus,
        seconds_per_stimulus=structure.seconds_per_stimulus,
        parameter_bytes=structure.parameter_bytes,
        need=probed.need,
        weights_digest=probed.loaded.weights_digest,
        preprocessing=preprocessing_to_json(used) if used else None,
        digest=structure.digest,
        gaps=structure.gaps,
    )


def new_record(plan: Plan) -> Record:
    """Return the record of a plan of which nothing is known to be finished."""
    inputs = plan.inputs
    return Record(
        config=plain_config(plan.config),
        versions=versions(inputs.model.spec.source),
        places=places(),
        model=to_json(inputs.model.spec),
        stand_ins=inputs.stand_ins,
        files=inputs.files,
        missing=tuple(str(path) for path in inputs.missing),
        stimuli={
            "name": inputs.stimuli.name,
            "n": len(inputs.stimuli.ids),
            "listing": inputs.listing,
            "found": inputs.stimuli.account.found,
            "refused": [list(pair) for pair in inputs.stimuli.account.refused],
        },
        postfunctions=dict(source_digests(inputs.chain)),
        request=request_digest(plan.config, inputs),
        structure=outline_to_json(plan.outline),
        slices=plan.slices,
    )


def attributes(plan: Plan) -> dict[str, Any]:
    """Return what is written into every shard and the index about where the values come from."""
    inputs, outline, spec = plan.inputs, plan.outline, plan.inputs.model.spec
    return {
        "model": spec.name,
        "model_spec": to_json(spec),
        "model_files": dict(model_digests(inputs)),
        "weights": spec.weights,
        "weights_digest": outline.weights_digest,
        "seed": spec.seed,
        "preprocessing": outline.preprocessing or "the model's own transform",
        "stimuli": inputs.stimuli.name,
        "stimuli_digest": inputs.listing,
        "graph_digest": outline.digest,
        "selectors": list(outline.selectors),
        "postfunctions": list(chain_texts(inputs.chain)),
        "device": inputs.device,
        "threads": plan.config.runtime.threads,
        "mode": plan.config.runtime.mode,
        "versions": versions(inputs.model.spec.source),
        "stand_in": " ".join(inputs.stand_ins),
    }
