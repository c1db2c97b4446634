"""Checks models one after another, each in a process of its own.

A process that crashes, takes too long or too much memory is the row of one model. Processes are
forked from one that has imported the library but never run torch, since starting Python and
importing anew takes longer than most models. For systems that can fork, Linux above all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import multiprocessing
import resource
import signal
import sys
import warnings
from typing import TYPE_CHECKING

import torch

from tests.conformance.check import Row, check, failed, skipped
from tests.conformance.entries import installed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.conformance.entries import Entry


def check_apart(entry: Entry, *, seconds: float, gigabytes: float) -> Row:
    """Check one model in a forked process that may take so much time and address space."""
    if not installed(entry.library):
        return skipped(entry)
    importlib.import_module(entry.library)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(entry, sender, gigabytes))
    with warnings.catch_warnings():
        # Python warns of locks that other threads hold; the child takes none that Python and libc
        # do not renew when they fork
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            return failed(entry, f"it took more than {seconds:g} seconds")
        return Row(**receiver.recv())
    except EOFError:
        process.join()
        return failed(entry, f"its process ended: {_ending(process.exitcode)}")
    finally:
        process.kill()
        process.join()
        receiver.close()


def _child(entry: Entry, sender: Connection, gigabytes: float) -> None:
    limit = int(gigabytes * 2**30)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses a limit on address space
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    torch.set_num_threads(1)
    try:
        row = check(entry)
    except MemoryError:
        row = failed(entry, f"it took more than {gigabytes:g} GB")
    sender.send(dataclasses.asdict(row))
    sys.stdout.flush()


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"
