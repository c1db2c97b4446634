"""Which layers the fast mode may give: each is measured against the exact one on a probe.

Bfloat16 is taken where every layer is faithful in it. Where one is not, the pass is tried in
float32 too, and the better is taken: half precision for some layers and an exact pass for the rest
would cost more than the exact pass alone. A layer that is faithful in neither is computed exactly,
in a pass of its own, or refused. What was measured is kept with each layer.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from lens_pipeline.errors import TraceError
from lens_pipeline.extraction.certificate import by_layer
from lens_pipeline.extraction.stimulus_axis import stimuli_first
from lens_pipeline.runtime.fidelity import Fidelity, compare, worst
from lens_pipeline.runtime.passes import fast_passes, following
from lens_pipeline.runtime.settings import exact_pass, has_bfloat16
from lens_pipeline.store.schema import COMPUTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from lens_pipeline.extraction.layout import Pick
    from lens_pipeline.runtime.wiring import Wiring
    from lens_pipeline.task import Runtime
    from lens_pipeline.tracer.rerun import Outline

    Values = Mapping[int, torch.Tensor]

# Stimuli that the fast mode is measured on: 120 pairs, so an RDM of 120 dissimilarities.
PROBED = 16


def choose_fast(
    module: torch.nn.Module,
    wiring: Wiring,
    picks: Sequence[Pick],
    *,
    known: Outline,
    inputs: torch.Tensor,
    runtime: Runtime,
) -> tuple[Wiring, dict[str, dict[str, str | float]]]:
    """Return the wiring with the Ops that are faithful, and each layer's attributes.

    `inputs`: the probe, PROBED stimuli or more. Raises TraceError naming a layer that is not
    faithful where `runtime.on_infidelity` is "refuse".
    """
    ops = [tap.op for tap in wiring.taps] if runtime.compile and wiring.fixed else wiring.ops
    wiring = dataclasses.replace(wiring, fast=tuple(ops))
    with following(module, wiring, known, wiring.ops) as forward, exact_pass():
        exact = forward(inputs)
    tried: list[tuple[Wiring, dict[str, Fidelity]]] = []
    for half in _precisions(runtime.device.partition(":")[0]):
        attempt = dataclasses.replace(wiring, half=half)
        with fast_passes(module, attempt, known, runtime) as forward:
            measured = _measured(by_layer(picks), exact, forward(inputs))
        good = _faithful(picks, measured, runtime.fidelity)
        tried.append((dataclasses.replace(attempt, fast=good), measured))
        if len(good) == len(picks):
            break
    best, measured = max(tried, key=lambda one: len(one[0].fast))
    return best, _facts(picks, best, measured, runtime)


def _precisions(device: str) -> tuple[bool, ...]:
    """Return what to try: whether in bfloat16."""
    return (True, False) if has_bfloat16(device) else (False,)


def _faithful(
    picks: Sequence[Pick], measured: Mapping[str, Fidelity], least: float
) -> tuple[int, ...]:
    """Return the Ops of the layers that are faithful in every pass."""
    good = {name for name, fidelity in measured.items() if fidelity.reaches(least)}
    return tuple(sorted(pick.op for pick in picks if pick.layer in good))


def _facts(
    picks: Sequence[Pick], wiring: Wiring, measured: Mapping[str, Fidelity], runtime: Runtime
) -> dict[str, dict[str, str | float]]:
    """Return each layer's attributes; TraceError for one that is to be refused."""
    facts: dict[str, dict[str, str | float]] = {}
    fast = "fast, bfloat16" if wiring.half else "fast, float32"
    for name, of_layer in by_layer(picks).items():
        found = measured.get(name)
        good = of_layer[0].op in wiring.fast
        if not good and runtime.on_infidelity == "refuse":
            raise TraceError(_refusal(name, found, wiring.model_name, runtime))
        facts[name] = {COMPUTED: fast if good else "exact"}
        if found is not None:
            facts[name]["fast_relative_error"] = found.relative_error
        if found is not None and not math.isnan(found.rdm_spearman):
            facts[name]["fast_rdm_spearman"] = found.rdm_spearman
    return facts


def _measured(
    layers: Mapping[str, Sequence[Pick]], exact: Values, fast: Values
) -> dict[str, Fidelity]:
    """Return the fidelity of each layer's worst pass, of the layers that the fast mode gave."""
    return {
        name: worst([compare(*(stimuli_first(v[p.op], p.axis) for v in (exact, fast))) for p in of])
        for name, of in layers.items()
        if all(pick.op in fast for pick in of)
    }


def _refusal(name: str, measured: Fidelity | None, model: str, runtime: Runtime) -> str:
    found = (
        "it cannot be compiled by itself"
        if measured is None
        else f"its RDM correlates with the exact one by {measured.rdm_spearman:.5f}, "
        f"and runtime.fidelity={runtime.fidelity} is asked for"
    )
    return (
        f"Layer {name} of {model} is not faithful in runtime.mode=fast: {found}; set "
        "runtime.on_infidelity=exact to compute it exactly, or runtime.mode=exact."
    )
