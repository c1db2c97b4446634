"""`trace`: run a model once and return everything it did.

All side effects stand between the opening and the closing of one fence; they are undone in reverse
order, also after an exception. The caller's random generators are as they were before.
"""

from __future__ import annotations

import dataclasses
import inspect
import time
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch

from lens_pipeline.errors import LensError, TraceError
from lens_pipeline.tracer.assemble import assemble
from lens_pipeline.tracer.fence import generators_kept, process_fence
from lens_pipeline.tracer.interception import Interception, Witness
from lens_pipeline.tracer.inventory import module_states_of
from lens_pipeline.tracer.keeping import Keep
from lens_pipeline.tracer.modules import Contents, watch_modules
from lens_pipeline.tracer.raw import Beginning
from lens_pipeline.tracer.recorder import Recorder
from lens_pipeline.tracer.strangers import now, strangers
from lens_pipeline.tracer.tensors import leaves

if TYPE_CHECKING:
    from lens_pipeline.tracer.trace import Trace

What = Literal["all"] | Collection[int] | Keep | None


class Inputs(NamedTuple):
    """Positional and keyword arguments of a model together: `Inputs((x,), {"mask": m})`."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})


def trace(model: torch.nn.Module, inputs: Any = (), *, keep: What = "all") -> Trace:
    """Run `model` on `inputs` once, unmodified, and return every operation of the forward pass.

    `inputs`: a tuple is the positional arguments, a dict the keyword arguments, Inputs both,
    anything else the one argument. `keep`: "all" keeps every value, None none, a collection of Op
    indices those; a Keep says more. Values are detached and are what they were when their
    operation had run.

    Raises TraceError for something that is not a module or runs outside Python, and ForwardError,
    with the trace until then, for an exception of the model's own; a KeyboardInterrupt goes on as
    it is and carries the trace as `partial`. A generator is run to its end.

    >>> import torch
    >>> t = trace(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()), torch.zeros(1, 2))
    >>> [layer.label for layer in t.layers]
    ['input_1_0', 'linear_1_1', 'relu_1_2', 'output_1_3']
    """
    _check(model)
    args, kwargs = arguments(inputs)
    how = _how(keep)
    recorder = Recorder(model, how)
    with process_fence(len(recorder.model.modules), recorder.foreign_thread), generators_kept():
        for path, tensor in named_inputs(args, kwargs, forward=model.forward):
            recorder.add_input(path, tensor)
        beginning = _begin(recorder)
        try:
            with Witness(recorder), watch_modules(recorder.model, recorder), Interception(recorder):
                result = model(*args, **kwargs)
                if isinstance(result, types.GeneratorType):
                    result = tuple(result)
        except LensError:
            raise
        except Exception as error:
            partial = _partial(recorder, model, error, beginning)
            raise ForwardError(_failure(recorder, model, error), partial) from error
        except KeyboardInterrupt as error:
            vars(error)["partial"] = _partial(recorder, model, error, beginning)
            raise
        seconds = time.perf_counter() - beginning.time
        for path, tensor in leaves(result):
            recorder.add_output(f"output{path}", tensor)
        recorder.gaps.update(strangers(recorder.ops, beginning.mark))
        recorder.kept.save_before_write(_outliving(recorder.model, args, kwargs))
        traced = assemble(recorder, model, beginning=beginning, seconds=seconds)
        return _chosen(traced, how)


class ForwardError(TraceError):
    """A forward pass that raised; what it did until then is in `partial`."""

    def __init__(self, message: str, partial: Trace) -> None:
        super().__init__(message)
        self.partial = partial


def _begin(recorder: Recorder) -> Beginning:
    states, rng_state = module_states_of(recorder.model), torch.get_rng_state()
    return Beginning(time.perf_counter(), now(), states, rng_state)


def _partial(
    recorder: Recorder, model: torch.nn.Module, error: BaseException, beginning: Beginning
) -> Trace:
    recorder.gaps[f"the forward pass was stopped by {type(error).__name__}"] += 1
    seconds = time.perf_counter() - beginning.time
    return assemble(recorder, model, beginning=beginning, seconds=seconds)


def _failure(recorder: Recorder, model: torch.nn.Module, error: Exception) -> str:
    failed = recorder.failed
    place = ""
    if failed is not None:
        inside = None if failed.module_call is None else recorder.places.calls[failed.module_call]
        where = f" in module {inside.address}" if inside and inside.address else ""
        place = f" in {failed.function.name}{where}"
    reason = str(error).partition("\n")[0].rstrip(".") or "no message"
    done = f"after {recorder.n_ops} operations"
    return (
        f"The forward pass of {type(model).__name__} failed{place} {done}: "
        f"{type(error).__name__}: {reason}."
    )


def _check(model: Any) -> None:
    if not isinstance(model, torch.nn.Module):
        raise TraceError(
            f"A {type(model).__name__} cannot be traced; give a torch.nn.Module, such as the one "
            "your function calls."
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise TraceError(
            f"{type(model).__name__} is a scripted module, which runs outside Python and shows no "
            "operations; trace the module that it was scripted from."
        )


def arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what `inputs` means as positional and keyword arguments."""
    if isinstance(inputs, Inputs):
        return tuple(inputs.args), dict(inputs.kwargs)
    if isinstance(inputs, tuple) and not hasattr(inputs, "_fields"):
        return inputs, {}
    if type(inputs) is dict:
        return (), inputs
    return (inputs,), {}


def _how(keep: What) -> Keep:
    if isinstance(keep, Keep):
        return keep
    if isinstance(keep, str):
        return Keep("all")
    return Keep(frozenset(keep or ()))


def _chosen(traced: Trace, how: Keep) -> Trace:
    """Drop the values that were not chosen, which only the whole pass could tell."""
    if how.choose is None:
        return traced
    wanted = frozenset(how.choose(traced))
    ops = (
        op if op.index in wanted else dataclasses.replace(op, value=None, transformed=None)
        for op in traced.ops
    )
    return dataclasses.replace(traced, ops=tuple(ops))


def named_inputs(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], *, forward: Callable[..., Any]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield each input tensor once, with its place in the arguments of `forward`.

    As `input.x`, `input.x[0].mask`; `input[1]` for one among the arguments without a name.
    """
    seen: set[int] = set()
    names = _names_by_position(forward)
    names += [f"input[{number}]" for number in range(len(names), len(args))]
    given = (found for name, arg in zip(names, args, strict=False) for found in leaves(arg, name))
    for path, tensor in (*given, *leaves(kwargs, "input")):
        if id(tensor) not in seen:
            seen.add(id(tensor))
            yield path, tensor


def _names_by_position(forward: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):  # a callable that does not tell
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [f"input.{one.name}" for one in parameters if one.kind in kinds]


def _outliving(
    model: Contents, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[torch.Tensor]:
    """Yield the tensors that others may write to later: inputs, parameters and buffers."""
    for _, tensor in (*leaves(args), *leaves(kwargs)):
        yield tensor
    yield from model.parameters.values()
    yield from model.buffers.values()
