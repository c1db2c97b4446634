"""Kept values as small grey pictures and histograms, of a bounded size.

A picture shows the first stimulus: of four axes the first maps, of three the matrix, of two all
stimuli, scaled down by averaging to at most MAP_SIDE, darkest to lightest from the least to the
greatest number. A histogram is of at most SAMPLED numbers, evenly spread over the tensor.
"""

from __future__ import annotations

import base64
import math
import struct
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import adaptive_avg_pool2d

from lens_pipeline.tracer.keeping import Keep

if TYPE_CHECKING:
    from lens_pipeline.tracer.trace import Trace

MAPS, MAP_SIDE, MATRIX_SIDE = 8, 20, 64
BINS, SAMPLED = 32, 65_536
# bytes of all pictures together (base64), beyond which operations get none
MOST_BYTES = 12_000_000


@dataclass(slots=True)
class Album:
    """Pictures that are made while a model runs, so that no value has to be kept for them."""

    # of each value in turn what is shown of it; None where it holds nothing that can be
    shown: list[dict[str, Any] | None] = field(default_factory=list)
    # of all pictures, base64
    n_bytes: int = 0
    # that they took
    seconds: float = 0.0


def keep_in(album: Album) -> Keep:
    """Return what `trace` is to keep so that its values are in the album and nowhere else."""

    def put(value: torch.Tensor) -> torch.Tensor:
        start = time.perf_counter()
        _add(album, value)
        album.seconds += time.perf_counter() - start
        return torch.tensor(len(album.shown) - 1)

    return Keep(postfunction=put, raw=False)


def pictures(trace: Trace, album: Album | None = None) -> dict[str, Any]:
    """Return by index of the Op a picture and a histogram of its value, where one was kept.

    With the album that was given to `keep_in` for this trace, they are those in it.
    """
    if album is not None:
        places = {op.index: op.transformed for op in trace.ops if op.transformed is not None}
        found = {str(op): album.shown[int(place)] for op, place in places.items()}
    else:
        album = Album()
        found = {str(op.index): _add(album, op.value) for op in trace.ops if op.value is not None}
    return {op: shown for op, shown in found.items() if shown is not None}


def _add(album: Album, given: torch.Tensor) -> dict[str, Any] | None:
    """Put a value into the album, without a picture where those there are too large together."""
    value, shown = _numbers(given), None
    if value is not None:
        shown = {"histogram": histogram(value)}
        picture = feature_maps(value) if album.n_bytes < MOST_BYTES else None
        if picture:
            shown["picture"] = picture
            album.n_bytes += len(picture["png"])
    album.shown.append(shown)
    return shown


def _numbers(value: torch.Tensor) -> torch.Tensor | None:
    """Return the value as real numbers; None where it has none that can be shown."""
    if value.layout is not torch.strided or value.is_meta or value.is_quantized:
        return None
    if not value.numel():
        return None
    return value.detach().abs() if value.is_complex() else value.detach()


def histogram(value: torch.Tensor) -> dict[str, Any]:
    """Return counts in BINS equal bins from the least to the greatest finite number."""
    flat = value.reshape(-1)
    flat = flat[:: max(1, math.ceil(flat.numel() / SAMPLED))].to("cpu", torch.float64)
    finite = flat[flat.isfinite()]
    low, high = (finite.min().item(), finite.max().item()) if len(finite) else (0.0, 0.0)
    # a range of a single number, or one that float64 cannot hold, has one bin
    spread = high - low
    if len(finite) and 0 < spread < math.inf:
        counts = torch.histc(finite, bins=BINS, min=low, max=high).to(torch.int64).tolist()
    else:
        counts = [len(finite)]
    return {
        "counts": counts,
        "low": low,
        "high": high,
        "mean": finite.mean().item() if len(finite) and math.isfinite(spread) else "nan",
        "zeros": int((finite == 0).sum()),
        "numbers": value.numel(),
        "sampled": len(flat),
        "nan": int(flat.isnan().sum()),
        "infinite": int(flat.isinf().sum()),
    }


def feature_maps(value: torch.Tensor) -> dict[str, Any] | None:
    """Return a picture of a value with at least one axis, as PNG in base64, with a caption."""
    maps, caption = _maps(value)
    if maps is None:
        return None
    small = adaptive_avg_pool2d(maps.to("cpu", torch.float32).nan_to_num(0.0)[None], _sides(maps))[
        0
    ]
    return {"png": grey_png(_scaled(_sheet(small))), "caption": caption}


def _maps(value: torch.Tensor) -> tuple[torch.Tensor | None, str]:
    """Return up to MAPS matrices of a value, (map, row, column), and what they are."""
    shape = tuple(value.shape)
    if value.ndim == 0:
        return None, ""
    if value.ndim <= 2:
        rows = value.reshape(-1, shape[-1])
        return rows[None], f"{rows.shape[0]} x {shape[-1]} numbers"
    if value.ndim == 3:
        return value[:1], f"the first stimulus, {shape[1]} x {shape[2]}"
    first = value[0].flatten(0, value.ndim - 4)
    last = value.ndim == 4 and shape[1] == shape[2] != shape[3]
    first = first.movedim(-1, 0) if last else first
    n = min(MAPS, first.shape[0])
    axis = "axis 3" if last else "axis 1" if value.ndim == 4 else f"axes 1 to {value.ndim - 3}"
    return first[:MAPS], f"the first stimulus, {n} of {first.shape[0]} maps of {axis}"


def _sides(maps: torch.Tensor) -> tuple[int, int]:
    most = MAP_SIDE if len(maps) > 1 else MATRIX_SIDE
    return min(most, maps.shape[1]), min(most, maps.shape[2])


def _sheet(maps: torch.Tensor) -> torch.Tensor:
    """Return maps side by side, four in a row, as one matrix; what is between them is NaN."""
    n, height, width = maps.shape
    across = min(4, n)
    down = math.ceil(n / across)
    sheet = torch.full((down * (height + 1) - 1, across * (width + 1) - 1), math.nan)
    for number, one in enumerate(maps):
        top, left = number // across * (height + 1), number % across * (width + 1)
        sheet[top : top + height, left : left + width] = one
    return sheet


def _scaled(sheet: torch.Tensor) -> torch.Tensor:
    """Return bytes, the least finite number 0 and the greatest 255; NaN is 128."""
    finite = sheet[sheet.isfinite()]
    low, high = (finite.min(), finite.max()) if len(finite) else (torch.zeros(()), torch.ones(()))
    # halved first, so that the range of the largest floats is finite
    unit = (sheet / 2 - low / 2) / (high / 2 - low / 2).clamp(min=1e-30)
    return (unit * 255).nan_to_num(128.0).clamp(0, 255).round().to(torch.uint8)


def grey_png(pixels: torch.Tensor) -> str:
    """Return a matrix of bytes as a grey PNG in base64 (ISO/IEC 15948, colour type 0, filter 0)."""
    height, width = pixels.shape
    rows = b"".join(b"\0" + bytes(row) for row in pixels.tolist())
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 6)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
