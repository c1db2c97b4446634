"""From a file to an RGB image that every model's transform can take.

Eight bits a channel, upright, no alpha. Colour profiles are not applied, as in the pipelines that
published weights were trained with. Transparent pixels are laid on white, the ground of most
cut-out stimuli. Sixteen bits become eight by value / 257, so that white stays white.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

from lens_pipeline.errors import StimulusError
from lens_pipeline.stimulus_set.scanning import FORMATS_IN_WORDS

if TYPE_CHECKING:
    from pathlib import Path

    import PIL.Image

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")
# a phone's JPEG may carry a second picture; these carry pages or an animation
_OF_FRAMES = ("PNG", "WEBP", "TIFF")
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error,
    zlib.error,
)  # fmt: skip
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")


def read_image(path: Path) -> bytes:
    """Return the content of an image file; StimulusError naming the file if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise StimulusError(_broken(path, error)) from error


def decode_image(path: Path, content: bytes | None = None) -> PIL.Image.Image:
    """Return the picture in `path` as RGB, turned upright by its EXIF orientation.

    `content`: of the file, where it has been read already. Raises StimulusError naming the file if
    it is absent, empty, truncated, of another format, of several frames, or of a depth without an
    agreed white.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    content = read_image(path) if content is None else content
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _refuse_frames(image, path)
            return _rgb(ImageOps.exif_transpose(image), image.format, path)
    except Image.DecompressionBombError as error:
        raise StimulusError(f"{path} is too large to decode: {error}") from error
    except UnidentifiedImageError as error:
        raise StimulusError(_unidentified(path, content)) from error
    except _BROKEN as error:
        raise StimulusError(_broken(path, error)) from error


def _rgb(image: PIL.Image.Image, kind: str | None, path: Path) -> PIL.Image.Image:
    from PIL import Image

    if image.mode in _SIXTEEN or (image.mode == "I" and kind == "PNG"):
        return _eight_bits(image).convert("RGB")
    if image.mode in ("I", "F"):
        raise StimulusError(
            f"{path} holds {'32-bit integers' if image.mode == 'I' else 'floating-point values'}, "
            "which have no agreed white; save it with 8 or 16 bits a channel."
        )
    if image.has_transparency_data:
        cut_out = image.convert("RGBA")
        ground = Image.new("RGBA", cut_out.size, "white")
        return Image.alpha_composite(ground, cut_out).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _refuse_frames(image: PIL.Image.Image, path: Path) -> None:
    frames = getattr(image, "n_frames", 1)
    if image.format in _OF_FRAMES and frames > 1:
        raise StimulusError(
            f"{path} holds {frames} frames or pages, and a stimulus is one picture; "
            "save the one that is meant as a file of its own."
        )


def _unidentified(path: Path, content: bytes) -> str:
    if not content:
        return f"{path} is empty (0 bytes); copy it again, or set stimuli.on_error=skip."
    return (
        f"{path} is no {FORMATS_IN_WORDS} image, whatever its name says; "
        "replace it, or set stimuli.on_error=skip."
    )


def _broken(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"The image {path} is not there; it was moved or deleted after it was listed."
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (
        f"{path} cannot be decoded ({reason or type(error).__name__}); "
        "replace it, or set stimuli.on_error=skip."
    )
