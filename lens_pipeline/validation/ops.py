"""Re-executes every Op from what the Trace says it read, and compares with what it kept.

The calls run in order on a memory of copies. Each output is compared with the kept value; where
they differ the kept value takes its place, so every Op starts from exactly the saved inputs. Then
each parent in turn is given other contents, and the output is expected to change.
"""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.tracer.fence import generators_kept
from lens_pipeline.tracer.records import ConstantRef
from lens_pipeline.tracer.tensors import replace_leaves
from lens_pipeline.validation.perturbation import Slot, Unchanged, exemption, perturbed, slots
from lens_pipeline.validation.replay import (
    Copies,
    Memory,
    calls,
    copy,
    references_of,
    run_call,
    unrepeatable,
)
from lens_pipeline.validation.report import EdgeVerdict, OpVerdict, Outcome
from lens_pipeline.validation.sameness import difference, nearly_same, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace

RANDOM = "draws random numbers"
_UNINITIALISED = frozenset(
    {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "resize_"}
)


@dataclass(frozen=True, slots=True)
class _Rerun:
    """One call on its way through the checks."""

    ops: tuple[Op, ...]
    # copies of the arguments as they were before the call; parameters are not copied
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    slots: list[Slot]
    outputs: list[torch.Tensor]
    # state of the random generators before the call; None if it drew no random numbers
    generator: list[torch.Tensor] | None


def check_ops(trace: Trace, state: Mapping[str, torch.Tensor]) -> list[OpVerdict]:
    """Return the verdict on every Op; `state` is what the model held as the pass began.

    The caller's random generators are as they were before.
    """
    memory = Memory(trace, state)
    lost = _overwritten_constants(trace)
    verdicts: list[OpVerdict] = []
    with torch.no_grad(), generators_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ops in calls(trace):
            verdicts += _check_call(memory, ops, lost)
    return verdicts


def _check_call(memory: Memory, ops: tuple[Op, ...], lost: frozenset[int]) -> list[OpVerdict]:
    if any(op.value is None for op in ops):
        raise ValueError(f"the value of {ops[0].label} was not kept")
    if ops[0].kind == "input":
        memory.hold_kept(ops)
        return [OpVerdict(op.index, op.label, "validated", "given") for op in ops]
    if (why := unrepeatable(ops[0])) is not None:
        memory.hold_kept(ops)
        return [OpVerdict(op.index, op.label, "exempt", why) for op in ops]
    try:
        run = _rerun(memory, ops)
    except Exception as error:  # noqa: BLE001  (whatever the call raises is the verdict)
        with contextlib.suppress(Exception):
            memory.hold_kept(ops)
        reason = f"cannot be run again: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return [OpVerdict(op.index, op.label, "failed", reason) for op in ops]
    edges = _check_edges(run)
    verdicts = [
        OpVerdict(op.index, op.label, *_compare(run, op, output, lost), edges=tuple(found))
        for op, output, found in zip(ops, run.outputs, edges, strict=True)
    ]
    _settle(memory, run)
    return verdicts


def _rerun(memory: Memory, ops: tuple[Op, ...]) -> _Rerun:
    op = ops[0]
    args, kwargs = memory.arguments(op)
    found = slots(op, memory.read)
    copied = _copied(op, (args, kwargs), found)
    before = _generator_states(op)
    outputs = run_call(ops, args, kwargs)
    if len(outputs) != len(ops):
        raise ValueError(f"gives {len(outputs)} tensors where {len(ops)} were recorded")
    drew = not all(map(torch.equal, before, _generator_states(op)))
    return _Rerun(ops, *copied, outputs=outputs, generator=before if drew else None)


def _copied(
    op: Op, arguments: tuple[Any, Any], found: list[Slot]
) -> tuple[tuple[Any, ...], dict[str, Any], list[Slot]]:
    """Copy the arguments before the call; the slots then name the copies."""
    if op.function is None:
        return *arguments, found
    copies = Copies()
    is_slot = {id(slot.tensor) for slot in found}
    everything = op.in_place or bool(op.buffers)

    def copied(leaf: Any) -> Any:
        wanted = isinstance(leaf, torch.Tensor) and (everything or id(leaf) in is_slot)
        return copies(leaf) if wanted else leaf

    args, kwargs = replace_leaves(arguments, copied)
    return args, kwargs, [Slot(s.parents, copies(s.tensor), s.position) for s in found]


def _compare(
    run: _Rerun, op: Op, output: torch.Tensor, lost: frozenset[int]
) -> tuple[Outcome, str]:
    assert op.value is not None
    random = RANDOM if _is_random(run) else ""
    if same(output, op.value):
        return "validated", random
    if random:
        return "exempt", random
    if op.name in _UNINITIALISED:
        return "exempt", "its memory is not initialised"
    if any(isinstance(r, ConstantRef) and id(r.tensor) in lost for r in references_of(op)):
        return "exempt", "reads a tensor from outside that the pass overwrote later"
    if nearly_same(output, op.value):
        return "validated", "equal up to rounding"
    return "failed", f"run again it gives other values: {difference(output, op.value)}"


def _is_random(run: _Rerun) -> bool:
    op = run.ops[0]
    values = (*op.args, *op.kwargs.values())
    return run.generator is not None or any(isinstance(v, torch.Generator) for v in values)


def _settle(memory: Memory, run: _Rerun) -> None:
    """Leave the memory as the Trace says it was after the call."""
    right = []
    for op, output in zip(run.ops, run.outputs, strict=True):
        assert op.value is not None
        if same(output, op.value):
            right.append(output)
        elif op.in_place and output.shape == op.value.shape:
            right.append(output.copy_(op.value))
        else:
            right.append(copy(op.value))
    memory.hold(run.ops, right)


def _check_edges(run: _Rerun) -> list[list[EdgeVerdict]]:
    """Return for each Op of the call the verdicts on its parents."""
    found: list[list[EdgeVerdict]] = [[] for _ in run.ops]
    if run.ops[0].function is None:
        return [[EdgeVerdict(parent, "validated", "") for parent in op.parents] for op in run.ops]
    with _generators_of(run):
        for slot in run.slots:
            for verdicts, (outcome, reason) in zip(found, _check_slot(run, slot), strict=True):
                verdicts += [EdgeVerdict(parent, outcome, reason) for parent in slot.parents]
    return found


def _check_slot(run: _Rerun, slot: Slot) -> list[tuple[Outcome, str]]:
    changed = [False] * len(run.ops)
    n_accepted = 0
    for other in perturbed(slot.tensor):
        outputs = _run_with(run, slot, other)
        if outputs is None:
            continue
        n_accepted += 1
        changed = [
            so_far or not same(output, before)
            for so_far, output, before in zip(changed, outputs, run.outputs, strict=True)
        ]
        if all(changed):
            break
    if any(changed):
        elsewhere: tuple[Outcome, str] = ("exempt", "another output of this call depends on it")
        return [("validated", "") if is_changed else elsewhere for is_changed in changed]
    return [_excused(run, slot, number, n_accepted) for number in range(len(changed))]


def _excused(run: _Rerun, slot: Slot, number: int, n_accepted: int) -> tuple[Outcome, str]:
    case = Unchanged(run.ops[number], slot, run.outputs[number], n_accepted)
    reason = exemption(case)
    if reason is not None:
        return "exempt", reason
    return "failed", "other contents of this parent left the output as it was"


def _run_with(run: _Rerun, slot: Slot, other: torch.Tensor) -> list[torch.Tensor] | None:
    """Run the call with `other` in one slot; None where the call refuses it."""
    copies = Copies()
    keep_parameters = not run.ops[0].in_place

    def changed(leaf: Any) -> Any:
        if leaf is slot.tensor:
            return other
        if isinstance(leaf, torch.Generator):
            return leaf.clone_state()
        shared = not isinstance(leaf, torch.Tensor) or (keep_parameters and not run.ops[0].buffers)
        return leaf if shared else copies(leaf)

    if run.generator is not None:
        _set_generators(run.ops[0], run.generator)
    args, kwargs = replace_leaves((run.args, run.kwargs), changed)
    with contextlib.suppress(Exception):
        outputs = run_call(run.ops, args, kwargs)
        return outputs if len(outputs) == len(run.ops) else None
    return None


@contextlib.contextmanager
def _generators_of(run: _Rerun) -> Iterator[None]:
    """Leave the generators where the call itself left them."""
    after = _generator_states(run.ops[0])
    try:
        yield
    finally:
        _set_generators(run.ops[0], after)


def _generator_states(op: Op) -> list[torch.Tensor]:
    states = [torch.get_rng_state()]
    if op.device.type == "cuda":
        states.append(torch.cuda.get_rng_state(op.device))
    return states


def _set_generators(op: Op, states: Sequence[torch.Tensor]) -> None:
    torch.set_rng_state(states[0])
    if op.device.type == "cuda":
        torch.cuda.set_rng_state(states[1], op.device)


def _overwritten_constants(trace: Trace) -> frozenset[int]:
    """Return the `id` of every tensor from outside that an Op wrote to."""
    written = set()
    for op in trace.ops:
        for place, ref in enumerate(references_of(op)):
            if isinstance(ref, ConstantRef) and (ref.writers or (op.in_place and place == 0)):
                written.add(id(ref.tensor))
    return frozenset(written)
