"""One run at a time writes into a folder.

The lock is the kernel's (`flock`), so it ends with its holder however the holder ends; a stale
lock cannot exist. The file `.lock` stays behind on purpose: deleting it would let two runs hold
two different files of one name. It also says who holds the lock, for the message to the second.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
from typing import TYPE_CHECKING

from lens_pipeline.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOG = logging.getLogger(__name__)
_NAME = ".lock"


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold `folder` (made if missing) for this process; a process forked meanwhile shares it.

    Raises StoreError naming the holder's process and host when another run has the folder.
    On a file system without locks, says so in the log and goes on: shards are immutable and
    replaced whole, so two runs then waste work but damage nothing.
    """
    with contextlib.ExitStack() as stack:
        descriptor = _open(folder)
        stack.callback(os.close, descriptor)
        _take(descriptor, folder)
        holder = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
        yield


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StoreError(
            f"The run folder {folder} cannot be written: {error.strerror}; choose another "
            f"run.folder."
        ) from error


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(
            f"The run folder {folder} is being written by {_holder(descriptor)}; wait until it "
            f"ends, stop it, or choose another run.folder."
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        _LOG.warning("%s is on a file system without locks: start one run at a time", folder)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError):
        return "another process"
