"""Draw the bundled sample: 16 concepts, four exemplars each, as photographs of things never built.

    python stimuli/sample/draw.py                  # every image and the tables, beside this script
    python stimuli/sample/draw.py dog_02b --size 64 --into /tmp/dogs

The same seed gives the same scenes everywhere; pixels may differ in the last bit between machines.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from drawing import animals, growing, indoors, made, scaly
from drawing.render import develop, render
from drawing.scene import Camera, Scene, extent
from drawing.settings import SETTINGS
from drawing.solids import Array, column, moved, norm, rotation, union
from drawing.subject import Subject, pick
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20260
EXEMPLARS = 4
# concept -> (how it is made, superordinate category, animate, natural)
CONCEPTS: dict[str, tuple[Callable[[np.random.Generator, int], Subject], str, int, int]] = {
    "apple": (growing.apple, "food", 0, 1),
    "banana": (growing.banana, "food", 0, 1),
    "bird": (animals.bird, "animal", 1, 1),
    "bottle": (indoors.bottle, "container", 0, 0),
    "car": (made.car, "vehicle", 0, 0),
    "chair": (indoors.chair, "furniture", 0, 0),
    "dog": (animals.dog, "animal", 1, 1),
    "fish": (scaly.fish, "animal", 1, 1),
    "hammer": (made.hammer, "tool", 0, 0),
    "house": (made.house, "building", 0, 0),
    "mug": (indoors.mug, "container", 0, 0),
    "mushroom": (growing.mushroom, "food", 0, 1),
    "rabbit": (animals.rabbit, "animal", 1, 1),
    "snake": (scaly.snake, "animal", 1, 1),
    "tree": (growing.tree, "plant", 0, 1),
    "turtle": (scaly.turtle, "animal", 1, 1),
}


def draw(stimulus_id: str, *, size: int) -> Image.Image:
    """Return the picture of one stimulus, such as `dog_02b`."""
    concept, number = stimulus_id.rsplit("_", 1)
    seed = zlib.crc32(stimulus_id.encode()) + SEED
    rng = np.random.default_rng(seed)
    subject = CONCEPTS[concept][0](rng, int(number[:-1]) - 1)
    scene = _stage(subject, rng)
    linear = render(scene, _aim(scene, subject, rng), size=size)
    return Image.fromarray(develop(linear, seed))


def _stage(subject: Subject, rng: np.random.Generator) -> Scene:
    pose = np.eye(3, dtype=np.float32) if subject.pose is None else subject.pose
    turn = rotation(1, pick(rng, *subject.yaw)) @ pose
    solid = union(*[part.solid for part in subject.parts])
    low, high = extent(moved(solid, (0, 0, 0), turn))
    scale = 2.0 / float(np.linalg.norm(high - low))
    middle = (low + high) / 2 * scale
    shift = column((-middle[0], -low[1] * scale + 2 * subject.lift, -middle[2]))
    centre = column((0, float(middle[1] + shift[1, 0]), 0))
    setting = SETTINGS[subject.setting]
    return Scene(
        subject.parts, turn, scale, shift, setting, _lamp(setting.elevation, rng), centre, 1.02
    )


def _lamp(elevation: tuple[float, float], rng: np.random.Generator) -> Array:
    height = np.deg2rad(pick(rng, *elevation))
    side = np.deg2rad(rng.choice([-1, 1]) * pick(rng, 20, 65))
    level = np.cos(height)
    return column((level * np.sin(side), np.sin(height), level * np.cos(side)))


def _aim(scene: Scene, subject: Subject, rng: np.random.Generator) -> Camera:
    down, width = np.deg2rad(pick(rng, *subject.above)), pick(rng, 0.55, 0.75)
    far = pick(rng, 2.0, 2.5) / width
    origin = scene.centre + far * column((0, np.sin(down), np.cos(down)))
    origin[1] = max(origin[1, 0], 0.12)
    off = column((pick(rng, -0.12, 0.12), pick(rng, -0.08, 0.1), 0))
    assert norm(origin - scene.centre) > scene.radius
    return Camera(origin, scene.centre + off, width)


def save(stimulus_id: str, *, size: int, into: Path) -> str:
    """Draw one stimulus into its place in the THINGS layout and return its id."""
    path = into / "object_images" / stimulus_id.rsplit("_", 1)[0] / f"{stimulus_id}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(stimulus_id, size=size).save(path, quality=84, optimize=True)
    return stimulus_id


def write_table(ids: list[str], path: Path) -> None:
    """Write one row a stimulus: id, file, concept, category, animacy, naturalness."""
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["stimulus_id", "filename", "concept", "category", "animate", "natural"])
        for stimulus_id in ids:
            concept = stimulus_id.rsplit("_", 1)[0]
            name = f"object_images/{concept}/{stimulus_id}.jpg"
            table.writerow([stimulus_id, name, concept, *CONCEPTS[concept][1:]])


def main() -> None:
    """Read the arguments and draw."""
    every = [f"{concept}_{n:02d}b" for concept in CONCEPTS for n in range(1, EXEMPLARS + 1)]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", help="stimulus ids; none means all")
    parser.add_argument("--size", type=int, default=224, help="pixels a side")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent)
    parser.add_argument("--workers", type=int, default=2)
    wanted = parser.parse_args()
    ids = wanted.ids or every
    with ProcessPoolExecutor(wanted.workers) as pool:
        for done in pool.map(partial(save, size=wanted.size, into=wanted.into), ids):
            print(done, flush=True)
    if ids == every:
        write_table(ids, wanted.into / "stimuli.csv")


if __name__ == "__main__":
    main()
