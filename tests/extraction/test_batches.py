"""Batches of model inputs, and stimuli kept for the next model."""

from __future__ import annotations

import dataclasses
import os
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from lens_pipeline.digests import digest_bytes
from lens_pipeline.errors import StimulusError
from lens_pipeline.extraction import batches, load_example, loader
from lens_pipeline.extraction.overlap import Seconds
from lens_pipeline.extraction.prepared import Prepared, make_room
from lens_pipeline.models.loading import LoadedModel
from lens_pipeline.models.preprocessing import transform_of
from lens_pipeline.models.spec import ModelSpec, Preprocessing
from lens_pipeline.stimulus_set import decode_image

if TYPE_CHECKING:
    from pathlib import Path

FRAME = Preprocessing(resize=12, crop=8, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1))


def _images(folder: Path, n: int) -> list[tuple[Path, str]]:
    numbers = np.random.default_rng(0)
    files = []
    for index in range(n):
        path = folder / f"{index}.png"
        Image.fromarray(numbers.integers(0, 256, (16, 20, 3), dtype=np.uint8)).save(path)
        files.append((path, digest_bytes(path.read_bytes())))
    return files


def _loaded(preprocessing: Preprocessing | None) -> LoadedModel:
    transform = transform_of(preprocessing or FRAME)
    spec = ModelSpec("target", "tiny", "random")
    return LoadedModel(spec, torch.nn.Identity(), preprocessing, None, transform, "")


def test_batches_hold_the_stimuli_in_order(tmp_path: Path) -> None:
    """Decoded in other threads, the inputs are those of one after the other, in their order."""
    files, loaded = _images(tmp_path, 7), _loaded(FRAME)
    seconds = Seconds()
    made = list(batches(files, loader(loaded), batch_size=3, seconds=seconds))
    assert [start for start, _ in made] == [0, 3, 6]
    one_by_one = torch.stack([load_example(path, loaded.transform) for path, _ in files])
    assert torch.equal(torch.cat([inputs for _, inputs in made]), one_by_one)
    assert seconds.decoding > 0


def test_a_broken_stimulus_comes_up_in_its_batch(tmp_path: Path) -> None:
    """The batches before it are given out, and the error names the file."""
    files = _images(tmp_path, 4)
    files[3][0].write_bytes(b"no image")
    made = batches(files, loader(_loaded(FRAME)), batch_size=2)
    assert next(made)[0] == 0
    with pytest.raises(StimulusError, match=r"3\.png"):
        next(made)


@pytest.mark.parametrize("kept", [False, True])
def test_a_stimulus_that_was_replaced_is_refused(tmp_path: Path, *, kept: bool) -> None:
    """Its shard would hold the new picture under the digest of the old one."""
    files = _images(tmp_path, 4)
    files[3][0].write_bytes(files[0][0].read_bytes())
    prepared = Prepared(tmp_path / "kept", most=10**6) if kept else None
    made = batches(files, loader(_loaded(FRAME), prepared), batch_size=2)
    assert next(made)[0] == 0
    with pytest.raises(StimulusError, match=r"3\.png was changed or removed after the run began; "):
        next(made)


def test_the_bytes_that_are_decoded_are_those_that_have_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is read once: one that is another for a moment is noticed, or not seen at all."""
    (path, digest), (other, _) = _images(tmp_path, 2)
    expected = load_example(path, _loaded(FRAME).transform)
    right, wrong = path.read_bytes(), other.read_bytes()
    module = sys.modules[batches.__module__]
    decode = decode_image

    def swapping(path: Path, content: bytes | None = None) -> Image.Image:
        path.write_bytes(wrong)
        try:
            return decode(path, content)
        finally:
            path.write_bytes(right)

    monkeypatch.setattr(module, "decode_image", swapping)
    ((_, inputs),) = batches([(path, digest)], loader(_loaded(FRAME)), batch_size=1)
    assert torch.equal(inputs[0], expected)


def test_a_stimulus_that_is_gone_is_named(tmp_path: Path) -> None:
    """The path says which it was."""
    files = _images(tmp_path, 1)
    files[0][0].unlink()
    with pytest.raises(StimulusError, match=r"The image .*0\.png is not there; it was moved or "):
        next(batches(files, loader(_loaded(FRAME)), batch_size=1))


def test_ctrl_c_while_the_threads_end_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector would swallow it, so the threads are not left to it."""
    files = _images(tmp_path, 2)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    made = batches(files, loader(_loaded(FRAME)), batch_size=2)
    assert next(made)[0] == 0
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(made, None)


def test_stimuli_of_two_sizes_are_refused(tmp_path: Path) -> None:
    """Without a crop, images of different shapes cannot be one batch."""
    (one, digest), (other, _) = _images(tmp_path, 2)
    Image.new("RGB", (30, 16)).save(other)
    files = [(one, digest), (other, digest_bytes(other.read_bytes()))]
    uncropped = dataclasses.replace(FRAME, crop=None)
    with pytest.raises(StimulusError, match="so that all agree"):
        list(batches(files, loader(_loaded(uncropped)), batch_size=2))


def test_kept_stimuli_give_the_same_bits_without_the_image(tmp_path: Path) -> None:
    """The second model, with its own normalisation, needs no decoding."""
    files = _images(tmp_path, 5)
    prepared = Prepared(tmp_path / "kept", most=10**6)
    other = dataclasses.replace(FRAME, mean=(), std=())
    for preprocessing in (FRAME, other):
        made = list(batches(files, loader(_loaded(preprocessing), prepared), batch_size=5))
        plain = [load_example(path, transform_of(preprocessing)) for path, _ in files[:1]]
        assert torch.equal(made[0][1][0], plain[0])
        for path, _ in files[1:]:
            path.write_bytes(b"gone")


def test_another_crop_or_content_is_another_file(tmp_path: Path) -> None:
    """A key holds what the pixels depend on."""
    files = _images(tmp_path, 2)
    prepared = Prepared(tmp_path / "kept", most=10**6)
    for crop in (8, 6):
        preprocessing = dataclasses.replace(FRAME, crop=crop)
        (_, inputs), *_ = batches(files, loader(_loaded(preprocessing), prepared), batch_size=2)
        assert inputs.shape == (2, 3, crop, crop)
        assert not torch.equal(inputs[0], inputs[1])


def test_a_users_own_transform_is_applied_each_time(tmp_path: Path) -> None:
    """What a transform of the user's depends on is unknown, so nothing is kept of it."""
    prepared = Prepared(tmp_path / "kept", most=10**6)
    list(batches(_images(tmp_path, 2), loader(_loaded(None), prepared), batch_size=2))
    assert not (tmp_path / "kept").exists()


def _array(value: int) -> np.ndarray:
    return np.full((3, 10, 10), value, dtype=np.uint8)


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    """The folder stays below its size, and reading counts as use."""
    prepared = Prepared(tmp_path, most=10**6)
    keys = [f"{n:02d}" for n in range(10)]
    for number, key in enumerate(keys):
        prepared.fetch(key, lambda number=number: _array(number))
        os.utime(tmp_path / key / f"{key}.pixels", (number, number))
    prepared.fetch(keys[0], lambda: pytest.fail("it is there"))
    make_room(tmp_path, most=5 * 450)
    left = {path.stem for path in tmp_path.rglob("*.pixels")}
    assert keys[0] in left
    assert keys[9] in left
    assert keys[1] not in left
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.pixels")) <= 5 * 450


def test_growth_is_bounded_while_it_fills(tmp_path: Path) -> None:
    """A process that goes on adding makes room itself."""
    prepared = Prepared(tmp_path, most=20 * 450)
    for number in range(200):
        prepared.fetch(f"{number:03d}", lambda number=number: _array(number % 250))
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.pixels"))
    assert 5 * 450 < size <= 1.2 * 20 * 450


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    """Half a file of a power failure is noticed by its checksum."""
    prepared = Prepared(tmp_path, most=10**6)
    prepared.fetch("ab12", lambda: _array(7))
    path = tmp_path / "ab" / "ab12.pixels"
    for damage in (path.read_bytes()[:-40], b"", b"x" * 500, bytes(4)):
        path.write_bytes(damage)
        assert np.array_equal(prepared.fetch("ab12", lambda: _array(7)), _array(7))
    assert np.array_equal(prepared.fetch("ab12", lambda: pytest.fail("it is there")), _array(7))


@pytest.mark.parametrize(
    "payload",
    [
        struct.pack("<3I", 3, 10, 10) + bytes(299),
        struct.pack("<3I", 3, 10, 10) + bytes(301),
        struct.pack("<3I", 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(300),
        struct.pack("<4I", 1, 3, 10, 10) + bytes(300),
        struct.pack("<3I", 3, 10, 10),
        b"another format",
        b"short",
    ],
)
@pytest.mark.parametrize("right", [True, False])
def test_a_file_of_another_length_or_format_is_made_again(
    tmp_path: Path, payload: bytes, *, right: bool
) -> None:
    """Whether or not its checksum is right: what is no array of its own shape is no array."""
    prepared = Prepared(tmp_path, most=10**6)
    path = tmp_path / "ab" / "ab12.pixels"
    path.parent.mkdir()
    path.write_bytes(payload + (zlib.crc32(payload) ^ (not right)).to_bytes(4, "little"))
    for make in (lambda: _array(7), lambda: pytest.fail("it is there")):
        assert np.array_equal(prepared.fetch("ab12", make), _array(7))


def test_a_folder_that_can_only_be_read_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of another user cannot be marked as used."""
    Prepared(tmp_path, most=10**6).fetch("ab12", lambda: _array(7))

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    again = Prepared(tmp_path, most=10**6).fetch("ab12", lambda: pytest.fail("it is there"))
    assert np.array_equal(again, _array(7))


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """A cache is a convenience: without it everything is made each time."""
    (tmp_path / "file").write_text("in the way")
    prepared = Prepared(tmp_path / "file", most=10**6)
    assert np.array_equal(prepared.fetch("ab", lambda: _array(1)), _array(1))
