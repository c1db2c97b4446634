"""Write beside, then rename: a file of ours is whole or it is not there.

Whatever ends a write, be it an exception, a full disk or SIGKILL, the name that readers look for
either holds the old content or the new. What SIGKILL leaves behind is a hidden `.part` file, which
`remove_leftovers` deletes; call it while holding the folder's lock.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from lens_pipeline.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIX = ".part"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a new file beside `path`; on success it takes the place of `path`.

    The content is on the disk before the name changes. On any failure the new file is removed;
    an OSError becomes a StoreError that names `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def not_written(path: Path, error: OSError) -> StoreError:
    """Return the error that says why `path` was not written, nothing of it having been kept."""
    return StoreError(
        f"Could not write {path}: {error.strerror or error}; nothing of it was kept, so make "
        f"room or choose another place and give the same command again."
    )


def write_text(path: Path, text: str) -> None:
    """Replace a file's content by `text` (UTF-8), at once and durably."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> tuple[Path, ...]:
    """Delete what killed writers left anywhere under `folder`; return what was deleted.

    A writer that still runs somewhere loses its file, fails at its rename and harms nothing.
    """
    leftovers = tuple(path for path in folder.rglob(f".*{_SUFFIX}") if path.is_file())
    for path in leftovers:
        path.unlink(missing_ok=True)
    return leftovers
