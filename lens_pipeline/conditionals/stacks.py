"""Where in a function each event of a forward pass happened.

An event is an Op or a host read. An activation is one call of one function inside one call of a
module, as far as sites tell: two calls from the same instruction are one activation, and only what
happens between them tells that the first has ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

    from lens_pipeline.tracer.records import HostRead, Op

    Frame = tuple[CodeType, int]


@dataclass(frozen=True, slots=True)
class Activation:
    """A call of a function."""

    # index into Trace.module_calls
    module_call: int
    # the frames between that module's call and this one, innermost first
    outer: tuple[Frame, ...]
    code: CodeType


class Stacks:
    """The events of a forward pass in order, each with the frames that it happened under."""

    def __init__(self, trace: Any) -> None:
        self._trace = trace
        # Ops and host reads as they happened
        self.events: list[Op | HostRead] = []
        # position in `events` of each Op and of each host read
        self.of_op: list[int] = []
        self.of_read: list[int] = []
        reads = iter([*trace.host_reads, None])
        read = next(reads)
        for number in range(len(trace.ops) + 1):
            while read is not None and read.after <= number:
                self.of_read.append(len(self.events))
                self.events.append(read)
                read = next(reads)
            if number < len(trace.ops):
                self.of_op.append(len(self.events))
                self.events.append(trace.ops[number])

    def frames(self, event: Op | HostRead) -> list[Frame]:
        """Return the frames of the model that an event happened under, innermost first."""
        return [frame for _, frames in self._levels(event) for frame in frames]

    def activation(self, event: Op | HostRead, number: int) -> Activation:
        """Return the activation of the frame that `frames` has at `number`."""
        for module_call, frames in self._levels(event):
            if number < len(frames):
                return Activation(module_call, frames[number + 1 :], frames[number][0])
            number -= len(frames)
        raise IndexError(number)

    def offset(self, event: Op | HostRead, activation: Activation) -> int | None:
        """Return the instruction where an activation stood at an event; None outside of it."""
        outer = activation.outer
        for module_call, frames in self._levels(event):
            if module_call == activation.module_call:
                inner = len(frames) - len(outer) - 1
                inside = inner >= 0 and frames[inner + 1 :] == outer
                if inside and frames[inner][0] is activation.code:
                    return frames[inner][1]
                return None
        return None

    def _levels(self, event: Op | HostRead) -> Iterator[tuple[int, tuple[Frame, ...]]]:
        """Yield the open module calls, innermost first, and the frames that each had."""
        module_call, site = event.module_call, event.site
        while module_call is not None:
            yield module_call, self._trace.sites[site].frames
            call = self._trace.module_calls[module_call]
            module_call, site = call.parent, call.site
