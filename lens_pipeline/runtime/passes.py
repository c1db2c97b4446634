"""Forward passes over batches: each gives the selected values and has the structure that is known.

The first batch says whether the model still computes what it did when it was probed: it is traced
in full in the exact mode, and its first stimuli are in the fast mode. Every later batch is captured
by hooks alone where no input can change the graph, and else by counting its operations off; the
first names a module that was called differently, the second any operation that differs. Either way
the pass is left after the last selected operation, so what comes later is not run and not compared.

The fast mode traces a model once in a process, and not again for each run of batches: `_followed`
remembers, for as long as the module lives, what structure it was found to have for inputs of a
shape. Counting goes on comparing every operation with it. Hooks see from one run to the next what
they see from batch to batch: of what is done to a module's code or attributes between two runs,
they notice that a hooked module is called differently.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from lens_pipeline.runtime.compiling import compiled
from lens_pipeline.runtime.hooks import hooked
from lens_pipeline.runtime.settings import exact_pass, fast_pass
from lens_pipeline.runtime.weights import FastWeights, ordered
from lens_pipeline.tracer.graph import structure_digest
from lens_pipeline.tracer.rerun import Outline, StructureError, outline, rerun
from lens_pipeline.tracer.run import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import torch

    from lens_pipeline.runtime.hooks import Forward
    from lens_pipeline.runtime.wiring import Wiring
    from lens_pipeline.task import Runtime
    from lens_pipeline.tracer.trace import Trace

    Values = dict[int, torch.Tensor]

# What a module was found to follow: (structure digest, shape of a stimulus) -> outline.
_followed: WeakKeyDictionary[torch.nn.Module, dict[tuple[str, torch.Size], Outline]] = (
    WeakKeyDictionary()
)

# Stimuli of the first batch that the fast mode traces; a structure does not depend on their number.
_LOOKED_AT = 2


@contextlib.contextmanager
def forward_passes(module: torch.nn.Module, wiring: Wiring, runtime: Runtime) -> Iterator[Forward]:
    """Open the model for a run of batches; yields inputs (stimulus, ...) -> values by Op.

    The values are detached and as they were when their Op had run. The forward pass raises
    StructureError where a batch computes something else than the probe did; what the model itself
    raises passes through.
    """
    fast = runtime.mode == "fast" and wiring.fast
    opened = _fast(module, wiring, runtime) if fast else exact_passes(module, wiring, wiring.ops)
    with opened as forward:
        yield forward


@contextlib.contextmanager
def exact_passes(
    module: torch.nn.Module, wiring: Wiring, ops: Collection[int]
) -> Iterator[Forward]:
    """Open the model for exact passes: bit for bit the eager forward pass without gradients."""
    with contextlib.ExitStack() as stack:
        later: list[Forward] = []

        def forward(inputs: torch.Tensor) -> Values:
            with exact_pass():
                if later:
                    return later[0](inputs)
                traced = checked(module, wiring, inputs, keep=ops)
                later.append(stack.enter_context(following(module, wiring, outline(traced), ops)))
                return {op.index: op.value for op in traced.ops if op.value is not None}

        yield forward


def following(
    module: torch.nn.Module, wiring: Wiring, known: Outline, ops: Collection[int]
) -> contextlib.AbstractContextManager[Forward]:
    """Return a context of passes that are known to follow `known`: hooks where they will do."""
    taps = wiring.hooks_for(ops)
    if taps is not None:
        return hooked(module, taps, model_name=wiring.model_name)
    return contextlib.nullcontext(
        lambda inputs: rerun(module, (inputs,), known, keep=ops, stop=True)
    )


def checked(
    module: torch.nn.Module, wiring: Wiring, inputs: torch.Tensor, *, keep: Collection[int]
) -> Trace:
    """Trace a forward pass in full; StructureError if it is not the one that is known."""
    traced = trace(module, (inputs,), keep=keep)
    if structure_digest(traced) != wiring.digest:
        raise StructureError(f"{wiring.model_name}'s graph depends on its input.")
    return traced


@contextlib.contextmanager
def _fast(module: torch.nn.Module, wiring: Wiring, runtime: Runtime) -> Iterator[Forward]:
    """Open the model for fast passes, with exact ones for the Ops that need them."""
    exact = [op for op in wiring.ops if op not in wiring.fast]
    with contextlib.ExitStack() as stack:
        opened: list[Callable[[torch.Tensor], Values]] = []

        def forward(inputs: torch.Tensor) -> Values:
            if not opened:
                known = _outlined(module, wiring, inputs[:_LOOKED_AT])
                opened.append(stack.enter_context(fast_passes(module, wiring, known, runtime)))
                if exact:
                    rest = following(module, wiring, known, exact)
                    opened.append(_exactly(stack.enter_context(rest)))
            return {op: value for one in opened for op, value in one(inputs).items()}

        yield forward


def _outlined(module: torch.nn.Module, wiring: Wiring, inputs: torch.Tensor) -> Outline:
    """Return the outline of `wiring`'s structure; StructureError if the module has another."""
    found = _followed.setdefault(module, {})
    key = (wiring.digest, inputs.shape[1:])
    if key not in found:
        with exact_pass():
            found[key] = outline(checked(module, wiring, inputs, keep=()))
    return found[key]


@contextlib.contextmanager
def fast_passes(
    module: torch.nn.Module, wiring: Wiring, known: Outline, runtime: Runtime
) -> Iterator[Forward]:
    """Open the model for fast passes over the Ops in `wiring.fast`; half precision is widened."""
    device = runtime.device.partition(":")[0]
    last, folded = wiring.convolutional, wiring.folded
    taps = wiring.hooks_for(wiring.fast) if runtime.compile else None
    with contextlib.ExitStack() as stack:
        swapped: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
        if taps is not None:
            run = compiled(module, taps, channels_last=last, folded=folded)
        else:
            swapped = FastWeights(module, channels_last=last, folded=folded).swapped_in
            run = stack.enter_context(following(module, wiring, known, wiring.fast))

        def forward(inputs: torch.Tensor) -> Values:
            with fast_pass(device, half=wiring.half), swapped():
                values = run(ordered(inputs) if last else inputs)
            return {op: _plain(value) for op, value in values.items()}

        yield forward


def _exactly(run: Forward) -> Forward:
    def forward(inputs: torch.Tensor) -> Values:
        with exact_pass():
            return run(inputs)

    return forward


def _plain(value: torch.Tensor) -> torch.Tensor:
    """Return a value that is float32 where it was half, and open to writing outside the mode."""
    if value.dtype.is_floating_point and value.dtype.itemsize == 2:
        return value.float()
    return value.clone() if value.is_inference() else value
