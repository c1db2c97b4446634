"""What many columns ask of a Trace, each found once, when it is first asked for.

Everything here is linear in the number of Ops and edges, except the numbers of ancestors and
descendants, which take a bit per pair of Ops and are left out of traces beyond MOST_COUNTED.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING

from lens_pipeline.columns.addresses import home, homes
from lens_pipeline.columns.arguments import named_arguments
from lens_pipeline.columns.buffers import Traffic, traffic
from lens_pipeline.columns.control import Control, control
from lens_pipeline.columns.cost import autograd_bytes, flops
from lens_pipeline.columns.ops import is_internal_source
from lens_pipeline.columns.reach import among, behind, counts, distances, merged
from lens_pipeline.columns.source import Place, call_stacks, forwards, place_of
from lens_pipeline.tracer import graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType
    from typing import Any

    from lens_pipeline.tracer.records import HostRead, ModuleCall, ModuleState, Op, Parameter
    from lens_pipeline.tracer.trace import Trace

# Ops beyond which ancestors and descendants are not counted: 50 MB of bits
MOST_COUNTED = 20_000
# siblings and co-parents that are listed; a mask read by every block has thousands
MOST_LISTED = 100


@dataclass(frozen=True)
class Overview:
    """A Trace with what follows from it."""

    trace: Trace

    @functools.cached_property
    def parents(self) -> list[tuple[int, ...]]:
        """For each Op the Ops whose output it read."""
        return [op.parents for op in self.trace.ops]

    @functools.cached_property
    def children(self) -> list[list[int]]:
        """For each Op the Ops that read it."""
        return graph.children(self.trace)

    @functools.cached_property
    def flops(self) -> list[int | None]:
        """For each Op its floating point operations."""
        return flops(self.trace)

    @functools.cached_property
    def autograd_bytes(self) -> list[int | None]:
        """For each Op what its backward pass needs kept."""
        return autograd_bytes(self.trace)

    @functools.cached_property
    def call_sizes(self) -> dict[int, int]:
        """Number of Ops of each call."""
        return {
            call: len(list(ops)) for call, ops in groupby(self.trace.ops, key=lambda op: op.call)
        }

    @functools.cached_property
    def parameters(self) -> dict[str, Parameter]:
        """Each parameter by each of its addresses."""
        return {name: each for each in self.trace.parameters for name in each.addresses}

    @functools.cached_property
    def named_arguments(self) -> list[dict[str, Any]]:
        """For each Op its arguments by name."""
        return [named_arguments(op) for op in self.trace.ops]

    @functools.cached_property
    def host_reads(self) -> dict[int, list[HostRead]]:
        """The reads of an Op's numbers by Python, by the Op."""
        found: dict[int, list[HostRead]] = {}
        for read in self.trace.host_reads:
            for op in read.ops:
                found.setdefault(op, []).append(read)
        return found

    @functools.cached_property
    def control(self) -> Control:
        """The branches that the contents of tensors decided."""
        return control(self.trace)

    @functools.cached_property
    def stacks(self) -> list[tuple[Place, ...]]:
        """For each site the places from the call out to the model's forward."""
        return call_stacks(self.trace)

    @functools.cached_property
    def places(self) -> list[Place | None]:
        """For each site its place in the model's source."""
        return [place_of(stack) for stack in self.stacks]

    @functools.cached_property
    def parameter_users(self) -> dict[str, list[int]]:
        """The Ops that read each parameter, by its first address."""
        found: dict[str, list[int]] = {}
        for op in self.trace.ops:
            for name in {self.parameters[name].addresses[0] for name in op.parameters}:
                found.setdefault(name, []).append(op.index)
        return found

    @functools.cached_property
    def classes(self) -> dict[str, str]:
        """Class name of each module by its address."""
        return dict(self.trace.modules)

    @functools.cached_property
    def module_states(self) -> dict[str, ModuleState]:
        """What each module of the model is, by its first address."""
        return {state.addresses[0]: state for state in self.trace.module_states}

    @functools.cached_property
    def own_parameters(self) -> dict[str, list[str]]:
        """The addresses of each module's own parameters."""
        found: dict[str, list[str]] = {}
        for name in self.parameters:
            found.setdefault(home(name), []).append(name)
        return found

    @functools.cached_property
    def parameters_within(self) -> dict[str, list[Parameter]]:
        """The parameters of each module and of the modules in it, each once."""
        found: dict[str, list[Parameter]] = {}
        for parameter in self.trace.parameters:
            around = {module for name in parameter.addresses for module in homes(name)}
            for module in around:
                found.setdefault(module, []).append(parameter)
        return found

    @functools.cached_property
    def module_children(self) -> dict[str, list[str]]:
        """The modules that belong to each module directly."""
        found: dict[str, list[str]] = {}
        for name, _ in self.trace.modules:
            if name:
                found.setdefault(home(name), []).append(name)
        return found

    @functools.cached_property
    def forwards(self) -> dict[str, CodeType]:
        """The code of each module's forward, where an Op or a call of a module shows it."""
        return forwards(self.trace)

    # ---- modules -----------------------------------------------------------------------------

    @functools.cached_property
    def chains(self) -> list[tuple[ModuleCall, ...]]:
        """For each module call itself and the calls around it, outermost first."""
        found: list[tuple[ModuleCall, ...]] = []
        for call in self.trace.module_calls:
            found.append(((found[call.parent]) if call.parent is not None else ()) + (call,))
        return found

    def chain(self, op: Op) -> tuple[ModuleCall, ...]:
        """Return the module calls an Op ran inside, outermost first."""
        return () if op.module_call is None else self.chains[op.module_call]

    @functools.cached_property
    def exits(self) -> dict[int, list[ModuleCall]]:
        """The module calls that returned an Op's output, innermost first, by the Op."""
        found: dict[int, list[ModuleCall]] = {}
        for call in reversed(self.trace.module_calls):
            for op in dict.fromkeys(call.outputs):
                found.setdefault(op, []).append(call)
        return found

    @functools.cached_property
    def not_leaves(self) -> frozenset[int | None]:
        """Module calls that called other modules."""
        return frozenset(call.parent for call in self.trace.module_calls)

    @functools.cached_property
    def calls_of(self) -> dict[str, list[ModuleCall]]:
        """The calls of each module by its address."""
        found: dict[str, list[ModuleCall]] = {}
        for call in self.trace.module_calls:
            found.setdefault(call.address, []).append(call)
        return found

    def ops_in(self, calls: Iterable[ModuleCall]) -> Iterator[Op]:
        """Yield the Ops that ran inside any of the calls, each once."""
        end = 0
        for call in calls:
            yield from self.trace.ops[max(call.first, end) : call.last]
            end = max(end, call.last)

    # ---- the graph ---------------------------------------------------------------------------

    @functools.cached_property
    def inputs(self) -> list[int]:
        """The Ops that are inputs of the model."""
        return [op.index for op in self.trace.ops if op.kind == "input"]

    @functools.cached_property
    def outputs(self) -> list[int]:
        """The Ops that are outputs of the model."""
        return [op.index for op in self.trace.ops if op.kind == "output"]

    @functools.cached_property
    def input_ancestors(self) -> list[int]:
        """For each Op the inputs it depends on, as bits in the order of the inputs."""
        read = [graph.contents_read(op) for op in self.trace.ops]
        return behind(read, range(len(read)), self.inputs)

    @functools.cached_property
    def output_descendants(self) -> list[int]:
        """For each Op the outputs that depend on it, as bits in the order of the outputs."""
        return behind(self.children, reversed(range(len(self.children))), self.outputs)

    @functools.cached_property
    def from_input(self) -> list[tuple[int, int] | None]:
        """For each Op the fewest and the most edges on a path from an input."""
        return distances(self.parents, range(len(self.parents)), set(self.inputs))

    @functools.cached_property
    def to_output(self) -> list[tuple[int, int] | None]:
        """For each Op the fewest and the most edges on a path to an output."""
        return distances(self.children, reversed(range(len(self.children))), set(self.outputs))

    @functools.cached_property
    def n_ancestors(self) -> list[int] | None:
        """For each Op the number of Ops it depends on; None for a trace that is too long."""
        if len(self.parents) > MOST_COUNTED:
            return None
        return counts(self.parents, self.children, range(len(self.parents)))

    @functools.cached_property
    def n_descendants(self) -> list[int] | None:
        """For each Op the number of Ops that depend on it; None for a trace that is too long."""
        if len(self.parents) > MOST_COUNTED:
            return None
        return counts(self.children, self.parents, reversed(range(len(self.parents))))

    @functools.cached_property
    def _internal_sources(self) -> tuple[list[int], list[int]]:
        """Calls that read no Op's output, and for each Op those behind it, as bits."""
        ops = self.trace.ops
        sources = [op.index for op in ops if is_internal_source(op)]
        return sources, behind(self.parents, range(len(ops)), sources)

    def internal_ancestors(self, op: Op) -> list[int]:
        """Return the calls without parents that are behind an Op, at most MOST_LISTED."""
        if len(self.parents) > MOST_COUNTED:
            return []
        sources, bits = self._internal_sources
        found = (at for at in among(sources, bits[op.index]) if at != op.index)
        return list(islice(found, MOST_LISTED))

    def siblings(self, op: Op) -> list[int]:
        """Return the other Ops that read a parent of this one, at most MOST_LISTED."""
        lists = [self.children[parent] for parent in op.parents]
        return merged(lists, but=op.index, most=MOST_LISTED)

    def co_parents(self, op: Op) -> list[int]:
        """Return the other Ops that are read together with this one, at most MOST_LISTED."""
        lists = [sorted(self.parents[child]) for child in self.children[op.index]]
        return merged(lists, but=op.index, most=MOST_LISTED)

    # ---- buffers -----------------------------------------------------------------------------

    @functools.cached_property
    def buffer_reads(self) -> list[dict[str, int]]:
        """For each Op the buffers it read, with how often each had been written before."""
        return [each.reads for each in self._buffer_traffic]

    @functools.cached_property
    def buffer_writes(self) -> list[tuple[str, ...]]:
        """For each Op the buffers it wrote."""
        return [each.writes for each in self._buffer_traffic]

    @functools.cached_property
    def _buffer_traffic(self) -> list[Traffic]:
        return traffic(self.trace)
