from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys

import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.store import lock
from lens_pipeline.store.lock import folder_lock

HOLDER = """
import sys, time
from pathlib import Path
from lens_pipeline.store.lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_is_told_who_holds_the_folder(tmp_path, holder):
    """The message names process and host."""
    who = f"process {holder.pid} on {socket.gethostname()}"
    with pytest.raises(StoreError, match=who), folder_lock(tmp_path):
        pytest.fail("two runs hold one folder")


def test_a_killed_run_holds_nothing(tmp_path, holder):
    """The kernel releases the lock, so there is no stale lock to clean up."""
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with folder_lock(tmp_path):
        pass


def test_the_lock_ends_with_its_block(tmp_path):
    """Also in one process; the folder is made if missing."""
    folder = tmp_path / "new" / "run"
    for _ in range(2):
        with folder_lock(folder), pytest.raises(StoreError, match=f"process {os.getpid()}"):
            folder_lock(folder).__enter__()


def test_an_exception_ends_the_lock_and_old_words_in_its_file_do_not_matter(tmp_path):
    """The message names the present holder alone."""
    (tmp_path / ".lock").write_text('{"pid": 1, "host": "a name longer than any other by far"}' * 9)
    with contextlib.suppress(KeyError), folder_lock(tmp_path):
        raise KeyError
    with folder_lock(tmp_path), pytest.raises(StoreError, match=f"process {os.getpid()}"):
        folder_lock(tmp_path).__enter__()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    """Nothing else is tried."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/run cannot be written.*run\.folder"):
        folder_lock(tmp_path / "file" / "run").__enter__()


def test_a_file_system_without_locks_is_said_and_accepted(tmp_path, monkeypatch, caplog):
    """Some clusters mount so; shards stay whole without the lock."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with folder_lock(tmp_path):
        assert "without locks" in caplog.text
