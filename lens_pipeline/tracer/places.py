"""Where in the model the forward pass is: which modules are open, and at which site.

An `autograd.Function` counts as a module too while its forward runs: torch calls it from C++, so
the only sign of it is a frame that holds its context. Its operations stand inside one call of the
class `<Name>`, whose outputs are those of them that are read outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.tracer.raw import RawModuleCall
from lens_pipeline.tracer.sites import Sites, function_of

if TYPE_CHECKING:
    from types import FrameType

    import torch

    from lens_pipeline.tracer.modules import Contents


class Places:
    """The stack of open modules and the numbered sites inside them."""

    def __init__(self, model: Contents) -> None:
        self.calls: list[RawModuleCall] = []
        # the innermost open call; None outside the model
        self.innermost: RawModuleCall | None = None
        self.sites = Sites()
        self._model = model
        self._n_calls: dict[str, int] = {}
        self._open: list[RawModuleCall] = []
        # how many of the open calls are of an autograd.Function
        self._n_functions = 0

    def place(self, frame: FrameType | None, *, n_ops: int) -> tuple[int | None, int]:
        """Return the number of the innermost call and of the site where `frame` stands."""
        if self._n_functions:
            self._leave_functions(frame, n_ops=n_ops)
        site = self._site(frame)
        while self.sites.function_frame is not None:
            self._enter_function(self.sites.function_frame, n_ops=n_ops)
            site = self._site(frame)
        inside = self.innermost
        return (None if inside is None else inside.index), site

    def enter(self, module: torch.nn.Module, caller: FrameType, *, n_ops: int) -> None:
        """Open a call of `module`, whose forward `caller` will run."""
        if self._n_functions:
            self._leave_functions(caller.f_back, n_ops=n_ops)
        known = self._model.addresses.get(id(module))
        address = known[0] if known else self._made_inside(type(module).__name__)
        self._open_call(module, address, caller, site=self._site(caller.f_back, address), n=n_ops)

    def leaving(self, module: torch.nn.Module, *, n_ops: int) -> RawModuleCall | None:
        """Return the innermost open call of `module`, if any; what is open inside is closed."""
        calls = self._open
        if not calls or calls[-1].module is not module:
            if not any(call.module is module for call in calls):
                return None
            while calls[-1].module is not module:
                self.close(n_ops=n_ops)
        return calls[-1]

    def close(self, *, n_ops: int) -> None:
        """Close the innermost call."""
        closing = self._open.pop()
        closing.last, closing.frame = n_ops, None
        self.innermost = self._open[-1] if self._open else None
        self._n_functions -= isinstance(closing.module, type)

    def _site(self, frame: FrameType | None, module: str | None = None) -> int:
        inside = self.innermost
        if inside is None:
            return self.sites.number(frame, None, parent=None, module=module or "")
        address = inside.address if module is None else module
        return self.sites.number(frame, inside.frame, parent=inside.site, module=address)

    def _open_call(
        self, module: torch.nn.Module | type, address: str, frame: FrameType, *, site: int, n: int
    ) -> None:
        number = self._n_calls[address] = self._n_calls.get(address, 0) + 1
        parent = None if self.innermost is None else self.innermost.index
        call = RawModuleCall(module, address, len(self.calls), number, parent, site, n, frame)
        self.calls.append(call)
        self._open.append(call)
        self.innermost = call
        self._n_functions += isinstance(module, type)

    def _made_inside(self, class_name: str) -> str:
        """Return an address for something that is not registered in the model."""
        inside = self.innermost
        return f"{inside.address if inside else ''}.<{class_name}>".lstrip(".")

    def _enter_function(self, frame: FrameType, *, n_ops: int) -> None:
        function = function_of(frame)
        assert function is not None
        address = self._made_inside(function.__name__)
        site = self._site(frame.f_back, address)
        self._open_call(function, address, frame, site=site, n=n_ops)

    def _leave_functions(self, frame: FrameType | None, *, n_ops: int) -> None:
        """Close functions whose frame has ended."""
        while (inside := self.innermost) is not None and isinstance(inside.module, type):
            above = frame
            while above is not None and above is not inside.frame:
                above = above.f_back
            if above is not None:
                return
            self.close(n_ops=n_ops)
