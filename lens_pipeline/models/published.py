"""Published weights: where their files lie on this machine, and how to fetch one safely.

A file is fetched only when nothing forbids it (LENS_OFFLINE=1 does), into a temporary name beside
its place, and takes its place only when its digest begins as its name says. Half a file is never
found by a later run.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lens_pipeline.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds without an answer, or without a further byte, after which a fetch is given up.
TIMEOUT = 10.0

_BLOCK = 1 << 20
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """One set of published weights of one model."""

    # weight name, as in ModelSpec.weights
    name: str
    # the file, where it is on this machine; None if it is not
    found: Path | None
    # what exists as soon as the file is here
    wanted: Path
    # fetches the file and returns where it lies; raises ModelError with the reason if it cannot
    fetch: Callable[[], Path]


def at_url(name: str, url: str) -> Published:
    """Return the weights published at a URL, looked for in torch's own cache of checkpoints."""
    path = checkpoints_folder() / url.rpartition("/")[2]
    found = path if path.is_file() else None
    return Published(name, found=found, wanted=path, fetch=lambda: fetch(url, path))


def checkpoints_folder() -> Path:
    """Return the folder in which torch.hub keeps checkpoints, without importing torch."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or os.path.join(cache, "torch")  # noqa: PTH118
    return Path(home).expanduser() / "hub" / "checkpoints"


def fetch(url: str, path: Path) -> Path:
    """Download `url` to `path` and return the path; the file appears whole or not at all.

    Raises ModelError when downloads are forbidden, nothing answers, or the digest is another one;
    its text is the reason alone, to stand inside the sentence of who asked.
    """
    forbid_offline()
    _logger.info("Fetching %s into %s", url, path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            _take(url, part, path)
    except (urllib.error.URLError, OSError) as error:
        raise ModelError(f"{url} could not be fetched ({_reason(error)})") from error
    return path


def forbid_offline() -> None:
    """Raise ModelError, with the reason alone, if LENS_OFFLINE=1 forbids downloads."""
    if os.environ.get("LENS_OFFLINE") == "1":
        raise ModelError("LENS_OFFLINE=1 forbids fetching it")


def check_digest(path: Path) -> None:
    """Raise ModelError unless the SHA-256 of a file begins as the end of its name says.

    `resnet18-f37072fd.pth` must begin with f37072fd; a name without such an end says nothing.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if fault := _mismatch(path, digest):
        raise ModelError(f"{fault}; delete {path}, so that it is fetched again.")


def _take(url: str, part: IO[bytes], path: Path) -> None:
    try:
        digest = hashlib.sha256()
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310
            while block := answer.read(_BLOCK):
                digest.update(block)
                part.write(block)
            # A connection that closes early ends the loop like a whole answer does.
            stated = answer.headers.get("Content-Length")
        if stated is not None and part.tell() != int(stated):
            raise ModelError(f"{url} gave {part.tell()} of {stated} bytes")
        part.flush()
        os.fsync(part.fileno())
        if fault := _mismatch(path, digest.hexdigest()):
            raise ModelError(f"what {url} gave as {fault}")
        # mkstemp makes files private; a cache is read by all who may read its folder.
        os.chmod(part.name, 0o644)  # noqa: PTH101
        os.replace(part.name, path)  # noqa: PTH105
    finally:
        Path(part.name).unlink(missing_ok=True)


def _mismatch(path: Path, digest: str) -> str | None:
    stated = re.search(r"-([0-9a-f]{8,})\.[a-z.]+$", path.name)
    if stated is None or digest.startswith(stated[1]):
        return None
    begins = digest[: len(stated[1])]
    return f"{path.name} is damaged or another file: its SHA-256 begins with {begins}"


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error) or type(error).__name__
