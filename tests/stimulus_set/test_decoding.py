"""decode_image: every accepted kind of file becomes the RGB that its author meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from lens_pipeline.errors import StimulusError
from lens_pipeline.stimulus_set import decode_image

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 5, 3), np.uint8)
GREYS = RNG.integers(0, 256, (6, 5), np.uint8)


def decoded(path: Path) -> np.ndarray:
    image = decode_image(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "PNG"])
def test_lossless_colour_comes_back_bit_by_bit(tmp_path, suffix):
    """Colour files without loss decode to the values that were written."""
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(COLOURS))
    np.testing.assert_array_equal(decoded(path), COLOURS)


def test_webp_without_loss_comes_back_bit_by_bit(tmp_path):
    """WebP is read."""
    path = saved(tmp_path / "a.webp", Image.fromarray(COLOURS), lossless=True)
    np.testing.assert_array_equal(decoded(path), COLOURS)


def test_grey_becomes_three_equal_channels(tmp_path):
    """A one-channel file gives R = G = B."""
    path = saved(tmp_path / "a.png", Image.fromarray(GREYS))
    np.testing.assert_array_equal(decoded(path), np.repeat(GREYS[..., None], 3, axis=2))


def test_black_and_white_becomes_0_and_255(tmp_path):
    """A one-bit file gives full black and full white."""
    bits = GREYS > 127
    path = saved(tmp_path / "a.png", Image.fromarray(bits))
    np.testing.assert_array_equal(decoded(path)[..., 1], np.where(bits, 255, 0))


def test_alpha_is_laid_on_white(tmp_path):
    """Partly transparent pixels are mixed with white: c a + 255 (1 - a)."""
    alpha = RNG.integers(0, 256, (6, 5, 1), np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(np.concatenate([COLOURS, alpha], axis=2)))
    share = alpha / 255
    expected = COLOURS * share + 255 * (1 - share)
    np.testing.assert_allclose(decoded(path), expected, atol=1)


def test_grey_with_alpha_is_laid_on_white(tmp_path):
    """LA is treated as RGBA is."""
    path = saved(tmp_path / "a.png", Image.merge("LA", [Image.new("L", (3, 3), 40)] * 2))
    expected = 40 * 40 / 255 + 255 * (1 - 40 / 255)
    np.testing.assert_allclose(decoded(path), np.full((3, 3, 3), expected), atol=1)


def test_palette_gives_its_colours(tmp_path):
    """Palette indices are looked up."""
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 128, 0, 7, 8, 9])
    image.putdata([0, 1, 2])
    path = saved(tmp_path / "a.png", image)
    assert decoded(path)[0].tolist() == [[255, 0, 0], [0, 128, 0], [7, 8, 9]]


def test_transparent_palette_entry_becomes_white(tmp_path):
    """A palette entry marked transparent shows the white ground, not its hidden colour."""
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 128, 0, 7, 8, 9])
    image.putdata([0, 1, 2])
    path = saved(tmp_path / "a.png", image, transparency=1)
    assert decoded(path)[0].tolist() == [[255, 0, 0], [255, 255, 255], [7, 8, 9]]


def test_transparent_colour_key_becomes_white(tmp_path):
    """A colour key on an RGB file is transparency too."""
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    path = saved(tmp_path / "a.png", image, transparency=(1, 2, 3))
    assert decoded(path)[0].tolist() == [[255, 255, 255], [9, 9, 9]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_divided_by_257(tmp_path, suffix):
    """16-bit grey is scaled, so that 65535 is white; it is neither clipped nor wrapped."""
    values = np.array([[0, 128, 257, 32768, 65280, 65535]], np.uint16)
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(values))
    expected = np.floor(values / 257 + 0.5)
    np.testing.assert_array_equal(decoded(path)[..., 0], expected)


def test_cmyk_jpeg_gives_paper_colours(tmp_path):
    """CMYK inks become RGB: no ink is white, full cyan has no red."""
    image = Image.new("CMYK", (16, 8), (0, 0, 0, 0))
    image.paste((255, 0, 0, 0), (8, 0, 16, 8))
    pixels = decoded(saved(tmp_path / "a.jpg", image, quality=100, subsampling=0))
    np.testing.assert_allclose(pixels[4, 2], [255, 255, 255], atol=3)
    np.testing.assert_allclose(pixels[4, 13], [0, 255, 255], atol=3)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_exif_orientation_is_applied(tmp_path, orientation, upright, suffix):
    """All eight orientations come out upright."""
    blocks = np.kron(COLOURS[:2, :3], np.ones((16, 16, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} | ({"quality": 100, "subsampling": 0} if suffix == "jpg" else {})
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(blocks), **options)
    found, expected = decoded(path).astype(int), upright(blocks).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < (0.5 if suffix == "png" else 12)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp"])
def test_truncated_file_is_named(tmp_path, suffix):
    """Half a file is an error that names the file and the way on."""
    noise = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    whole = saved(tmp_path / f"whole.{suffix}", Image.fromarray(noise)).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StimulusError, match=rf"cut\.{suffix}.*on_error=skip"):
        decode_image(path)


def test_empty_foreign_and_absent_files_are_told_apart(tmp_path):
    """No bytes, other bytes and no file are three sentences."""
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").write_text("<html>not found</html>")
    with pytest.raises(StimulusError, match=r"a\.jpg is empty \(0 bytes\)"):
        decode_image(tmp_path / "a.jpg")
    with pytest.raises(StimulusError, match=r"b\.jpg is no JPEG, PNG, BMP, WebP or TIFF image"):
        decode_image(tmp_path / "b.jpg")
    with pytest.raises(StimulusError, match=r"c\.jpg is not there"):
        decode_image(tmp_path / "c.jpg")


def test_gif_under_another_name_is_refused(tmp_path):
    """The content decides, not the suffix."""
    Image.new("P", (4, 4)).save(tmp_path / "a.gif")
    path = (tmp_path / "a.gif").rename(tmp_path / "a.png")
    with pytest.raises(StimulusError, match="whatever its name says"):
        decode_image(path)


def test_pages_and_animations_are_refused(tmp_path):
    """A file of several pictures is not one stimulus."""
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = saved(tmp_path / "a.tif", frames[0], save_all=True, append_images=frames[1:])
    with pytest.raises(StimulusError, match="holds 2 frames or pages"):
        decode_image(path)


def test_floating_point_is_refused(tmp_path):
    """A depth without an agreed white is not guessed."""
    path = saved(tmp_path / "a.tif", Image.fromarray(np.ones((3, 3), np.float32)))
    with pytest.raises(StimulusError, match="no agreed white"):
        decode_image(path)


def test_real_photographs(test_data):
    """A grey photograph and a colour JPEG equal what Pillow alone reads."""
    camera = np.asarray(Image.open(test_data / "photos" / "camera.png"))
    assert camera.ndim == 2
    np.testing.assert_array_equal(
        decoded(test_data / "photos" / "camera.png"), np.stack([camera] * 3, axis=2)
    )
    rocket = test_data / "photos" / "rocket.jpg"
    np.testing.assert_array_equal(decoded(rocket), np.asarray(Image.open(rocket)))
