"""What the forward pass runs under: the modes `exact` and `fast`, as contexts that undo themselves.

Exact is the plain eager forward pass without gradients, with attention as its operations: torch's
fused kernels give other bits and show nothing of their inside. Fast is inference mode, bfloat16
where the machine has instructions for it; what it does to the weights is said in `weights`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Whether a device calculates in bfloat16 faster than in float32, by device type.
_HAS_BFLOAT16: Mapping[str, Callable[[], bool]] = {
    "cpu": lambda: bool(
        torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001  torch has no public name for it
        or torch.cpu._is_amx_tile_supported()  # noqa: SLF001
    ),
    "cuda": lambda: bool(torch.cuda.is_bf16_supported(including_emulation=False)),
}


@contextlib.contextmanager
def exact_pass() -> Iterator[None]:
    """Run what is inside as `runtime.mode=exact` does."""
    with torch.no_grad(), fused_attention_off():
        yield


@contextlib.contextmanager
def fast_pass(device: str, *, half: bool) -> Iterator[None]:
    """Run what is inside as `runtime.mode=fast` does, but for the order in memory.

    `half`: in bfloat16 where autocast allows, else in float32.
    """
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
        yield


def has_bfloat16(device: str) -> bool:
    """Say whether a device type, such as "cpu", gains from bfloat16."""
    return _HAS_BFLOAT16.get(device, lambda: False)()


@contextlib.contextmanager
def fused_attention_off() -> Iterator[None]:
    """Keep torch's attention layers from their fused kernels, as a trace does."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=before)
