"""A picture as data: boxes, the frames around them, the edges between them. No verbs, no Graphviz.

What a style hook is given are these; `looks` says how each appears.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lens_pipeline.tracer.records import ModuleCall, Op

BoxKind = Literal[
    "input", "output", "operation", "module", "buffer", "border input", "border output", "tag"
]
EdgeKind = Literal["data", "number", "write"]
Trainable = Literal["", "trainable", "frozen", "mixed"]


@dataclass(frozen=True, slots=True)
class Box:
    """What stands for one Op or several, for a buffer, or for what is not drawn itself."""

    # unique: the label of a layer or an Op, or "module layer1", "buffer state", "from relu_1_2"
    name: str
    # a "border" box is what leads into, or reads from, the one submodule that is drawn; a "tag"
    # stands for a box that is too far away for an edge
    kind: BoxKind
    # the Ops it stands for, in order; of a buffer those that read or write it
    ops: tuple[Op, ...]
    # of a module drawn as one box its first call; None for everything else
    module: ModuleCall | None
    # of the module drawn, of the innermost module whose output this is, or of the buffer; else ""
    address: str
    # names of the frames around it, outermost first
    frames: tuple[str, ...]
    # the passes of its layer, or the calls of its module, that it stands for
    visits: tuple[int, ...]
    # an input of the model leads to it, or it is state of the model
    reached: bool
    # Python asked for its truth value
    decides: bool
    # whether the parameters it uses are trainable; "" where it uses none
    parameters: Trainable
    # what stands in it, the first line being its title
    lines: tuple[str, ...]
    # the call as it could be written; "" where it stands for more than one Op
    call: str
    # what it is coloured by; None where it has no such number
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """What leads from one box to another."""

    # names of boxes
    tail: str
    head: str
    # a tensor that was read, a number that left for Python and came back, or a write to a buffer
    kind: EdgeKind
    # which pass leads to which, where that is not each to its own; else ""
    passes: str
    # it leads from a pass to a later one
    loop: bool
    # what it leads to was first there, so that it does not say which stands above which
    back: bool
    # names of the arguments it comes in as, where their order matters; else ""
    arguments: str
    # "IF", "THEN", "ELIF 1", "ELSE", "WHILE": the test or the arm that it leads into; else ""
    branch: str
    # an input of the model leads to its tail, or that is state of the model
    reached: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """A module drawn around what ran in it."""

    # unique: the addresses from the outermost frame to this one
    name: str
    # its first call that is drawn
    call: ModuleCall
    title: str
    # number of frames around it
    level: int
    reached: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colours say."""

    # of the column, or "score"
    name: str
    # of the numbers; "" where they have none
    unit: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn."""

    # the model's class
    name: str
    title: str
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    # by name
    frames: dict[str, Frame]
    # None where boxes are coloured by what they are
    scale: Scale | None
