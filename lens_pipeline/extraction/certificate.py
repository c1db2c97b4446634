"""The certificate: no stimulus depends on its neighbours in the batch, and how little it varies.

A few stimuli are run alone, in batches of two and of three, and with another number of threads.
Their values should be the same up to rounding; by how much they differ is kept with each layer. A
layer whose stimuli have a part in each other's values (batch normalisation in training mode, a mean
over the batch) cannot be stored by stimulus and is refused.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

from lens_pipeline.errors import TraceError
from lens_pipeline.extraction.stimulus_axis import SMALL, TOLERANCE, difference, stimuli_first
from lens_pipeline.runtime.passes import following
from lens_pipeline.runtime.settings import exact_pass
from lens_pipeline.tracer.rerun import outline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lens_pipeline.extraction.layout import Pick
    from lens_pipeline.runtime.wiring import Wiring
    from lens_pipeline.tracer.rerun import Outline
    from lens_pipeline.tracer.trace import Trace

    Values = Mapping[int, torch.Tensor]

# Names of the attributes: the largest difference of a layer over its largest magnitude.
BATCH, THREADS = "difference_by_batch", "difference_by_threads"

# What models raise that cannot run a single stimulus, or compute something else for it.
_NOT_ALONE = (RuntimeError, ValueError, IndexError, TypeError, TraceError)


def certify(
    module: torch.nn.Module,
    wiring: Wiring,
    picks: Sequence[Pick],
    *,
    inputs: torch.Tensor,
    small: Trace,
    large: Trace,
) -> dict[str, dict[str, float]]:
    """Return by how much each layer's values change with the batch and with the threads.

    `small` and `large` hold the values of the first two and of all three `inputs`. A model that
    cannot run one stimulus alone is judged by the batches of two and three. Raises TraceError
    naming the layer, with the number, where a stimulus depends on its neighbours, or on chance.
    """
    known = outline(large)
    whole, few = (_picked(traced, picks) for traced in (large, small))
    first_two = {pick.op: _rows(few[pick.op], pick) for pick in picks}
    by_batch = {
        pick.op: difference(_rows(whole[pick.op], pick)[:SMALL], first_two[pick.op])
        for pick in picks
    }
    for number in range(len(inputs)):
        with contextlib.suppress(*_NOT_ALONE):
            alone = _run(module, wiring, known, inputs[number : number + 1])
            for pick in picks:
                rows = _rows(whole[pick.op], pick)[number : number + 1]
                apart = difference(rows, _rows(alone[pick.op], pick))
                by_batch[pick.op] = max(by_batch[pick.op], apart)
    refused = _refused(picks, by_batch, whole)
    if refused:
        again = _run(module, wiring, known, inputs)[refused.op]
        unsteady = difference(whole[refused.op], again) > TOLERANCE
        raise TraceError(_refusal(refused, by_batch, model=wiring.model_name, unsteady=unsteady))
    by_threads = _by_threads(module, wiring, known, inputs, whole)
    return {
        name: {
            BATCH: max(by_batch[pick.op] for pick in of_layer),
            THREADS: max(by_threads[pick.op] for pick in of_layer),
        }
        for name, of_layer in by_layer(picks).items()
    }


def by_layer(picks: Sequence[Pick]) -> dict[str, list[Pick]]:
    """Return the picks of each layer, by its name."""
    found: dict[str, list[Pick]] = {}
    for pick in picks:
        found.setdefault(pick.layer, []).append(pick)
    return found


def _picked(traced: Trace, picks: Sequence[Pick]) -> dict[int, torch.Tensor]:
    """Return the values of the picks, by Op; a Trace also keeps what was left out."""
    values = ((pick.op, traced.ops[pick.op].value) for pick in picks)
    return {op: value for op, value in values if value is not None}


def _rows(value: torch.Tensor, pick: Pick) -> torch.Tensor:
    return stimuli_first(value, pick.axis)


def _run(
    module: torch.nn.Module, wiring: Wiring, known: Outline, inputs: torch.Tensor
) -> dict[int, torch.Tensor]:
    """Run with other random numbers than the traces had, which all began with the same."""
    cuda = [inputs.device] if inputs.is_cuda else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(torch.initial_seed() ^ 1)
        with following(module, wiring, known, wiring.ops) as forward, exact_pass():
            return forward(inputs)


def _refused(picks: Sequence[Pick], by_batch: Mapping[int, float], whole: Values) -> Pick | None:
    """Return the first pick whose stimuli are not themselves in every batch."""
    for pick in picks:
        floating = whole[pick.op].is_floating_point() or whole[pick.op].is_complex()
        # Of whole numbers, such as the places of the largest values, rounding may change any.
        if floating and not by_batch[pick.op] <= TOLERANCE:
            return pick
    return None


def _refusal(pick: Pick, by_batch: Mapping[int, float], *, model: str, unsteady: bool) -> str:
    if unsteady:
        return (
            f"Layer {pick.layer} of {model} is random: the same stimuli in the same batch gave "
            "other values the second time; take the noise out (dropout as a function wants "
            "training=self.training), choose other layers, or set runtime.certify=false to store "
            "them as they come."
        )
    return (
        f"Layer {pick.layer} of {model} depends on which other stimuli are in the batch: "
        f"its values for one stimulus differ by {by_batch[pick.op]:.2g} of the largest; put the "
        "model into eval mode (normalisation by batch and dropout do this), choose other layers, "
        "or set runtime.certify=false to store them as they come."
    )


def _by_threads(
    module: torch.nn.Module,
    wiring: Wiring,
    known: Outline,
    inputs: torch.Tensor,
    whole: Values,
) -> dict[int, float]:
    """Compare with another number of threads; on another device than the CPU they do not count."""
    if inputs.device.type != "cpu":
        return dict.fromkeys(whole, 0.0)
    with _other_threads():
        values = _run(module, wiring, known, inputs)
    return {op: difference(value, values[op]) for op, value in whole.items()}


@contextlib.contextmanager
def _other_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2 if before == 1 else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
