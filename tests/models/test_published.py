"""Fetching a file: whole or not at all, checked against its name, never where it is forbidden."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from lens_pipeline.errors import ModelError
from lens_pipeline.models.published import at_url, check_digest, checkpoints_folder, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = b"weights" * 1000
NAME = f"net-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetching from this machine's own files is allowed."""
    monkeypatch.delenv("LENS_OFFLINE")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / NAME).write_bytes(CONTENT)
    return tmp_path / "remote" / NAME


@pytest.mark.usefixtures("online")
def test_a_file_is_fetched_to_its_place(remote: Path, tmp_path: Path) -> None:
    """The file arrives, readable to all, with nothing left beside it."""
    place = tmp_path / "cache" / "deep" / NAME
    assert fetch(remote.as_uri(), place) == place
    assert place.read_bytes() == CONTENT
    assert list(place.parent.iterdir()) == [place]
    assert place.stat().st_mode & 0o777 == 0o644


def test_offline_forbids(remote: Path, tmp_path: Path) -> None:
    """LENS_OFFLINE=1 is obeyed before anything is written."""
    with pytest.raises(ModelError, match="LENS_OFFLINE=1 forbids"):
        fetch(remote.as_uri(), tmp_path / "cache" / NAME)
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("online")
def test_another_content_than_the_name_says_is_thrown_away(remote: Path, tmp_path: Path) -> None:
    """A truncated or replaced file never takes its place."""
    remote.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="is damaged or another file: its SHA-256 begins with"):
        fetch(remote.as_uri(), tmp_path / "cache" / NAME)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("online")
def test_a_url_without_an_answer_leaves_nothing(tmp_path: Path) -> None:
    """The reason is part of the message."""
    url = (tmp_path / "nowhere" / NAME).as_uri()
    with pytest.raises(ModelError, match=r"could not be fetched.*No such file"):
        fetch(url, tmp_path / "cache" / NAME)
    assert list((tmp_path / "cache").iterdir()) == []


@contextmanager
def half_an_answer(*, then_wait: bool) -> Iterator[str]:
    """The address of a server that announces 1000 bytes, sends 4, and waits or hangs up."""
    done = threading.Event()

    class Half(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.wfile.flush()
            if then_wait:
                done.wait(10)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Half)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/plain.pth"
    finally:
        done.set()
        thread.join()
        server.server_close()


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize(
    ("then_wait", "words"), [(True, "timed out"), (False, "gave 4 of 1000 bytes")]
)
def test_half_an_answer_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, then_wait: bool, words: str
) -> None:
    """A server that falls silent is given up, and one that hangs up early is not believed."""
    monkeypatch.setattr("lens_pipeline.models.published.TIMEOUT", 0.3)
    with half_an_answer(then_wait=then_wait) as url, pytest.raises(ModelError, match=words):
        fetch(url, tmp_path / "cache" / "plain.pth")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_digest_in_a_name_is_checked(tmp_path: Path) -> None:
    """A file in the cache that is not what its name says is refused."""
    path = tmp_path / NAME
    path.write_bytes(CONTENT)
    check_digest(path)
    path.write_bytes(CONTENT + b".")
    with pytest.raises(ModelError, match=r"delete .* fetched again"):
        check_digest(path)


def test_a_name_without_a_digest_says_nothing(tmp_path: Path) -> None:
    """Only an end of eight or more hexadecimal digits is a digest."""
    for name in ("weights.pth", "resnet-50.pth", "my-model.pt"):
        (tmp_path / name).write_bytes(CONTENT)
        check_digest(tmp_path / name)


def test_published_weights_are_looked_for_in_torchs_cache(tmp_path: Path) -> None:
    """A file that torch.hub would find is found."""
    url = f"https://example.org/models/{NAME}"
    place = at_url("v1", url)
    assert place.found is None
    assert place.wanted == checkpoints_folder() / NAME
    place.wanted.parent.mkdir(parents=True)
    place.wanted.write_bytes(CONTENT)
    assert at_url("v1", url).found == place.wanted
    place.wanted.unlink()
    place.wanted.parent.rmdir()


@pytest.mark.parametrize(
    "env",
    [{"TORCH_HOME": "~/elsewhere"}, {"XDG_CACHE_HOME": "/tmp/cache"}, {}],
    ids=["TORCH_HOME", "XDG_CACHE_HOME", "neither"],
)
def test_the_cache_is_torchs_own(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is what torch.hub says, found without importing torch."""
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert checkpoints_folder() == Path(torch.hub.get_dir()) / "checkpoints"
