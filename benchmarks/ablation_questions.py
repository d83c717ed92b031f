"""Questions about rendered scenes, and what texts tell of one: for the ablation of captions.

Each task asks one thing of a scene, and has one right answer of one word. All but `name` are answered by the
picture alone; `name` is answered by the alternative text in the question, or with "unknown" where that text
does not belong to the picture or tells no name.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

SCENES: Final = Path(__file__).resolve().parents[1] / "examples" / "scenes"
if str(SCENES) not in sys.path:
    sys.path.insert(0, str(SCENES))

from world import COLOURS, SHAPES, Scene, Split, names, scene  # noqa: E402

Task = Literal["left_colour", "right_colour", "left_shape", "right_shape", "shape_of", "presence", "name"]

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a scene, and the only right answer."""

    task: Task
    scene: Scene
    user: str
    answer: str


def question(task: Task, number: int, split: Split, world: str) -> Question:
    """The question of a number; another `world` has other scenes under the same numbers."""
    seen = scene(number, split, f"{world}/{task}")
    user, answer = _MAKERS[task](seen, random.Random(f"{seen.key}/question"))
    return Question(task, seen, user, answer)


def questions(count: int, split: Split, world: str) -> list[Question]:
    """`count` questions of each task, the tasks in turn."""
    return [question(task, number, split, world) for number in range(count) for task in TASKS]


def _attribute(place: int, attribute: Literal["colour", "shape"]) -> Callable[[Scene, random.Random], Asked]:
    side = ("left", "right")[place]

    def asked(seen: Scene, rng: random.Random) -> Asked:
        thing = seen.things[place]
        if attribute == "colour":
            return f"What colour is the shape on the {side}?", thing.colour
        return f"What shape is on the {side}?", thing.shape

    return asked


def _shape_of(seen: Scene, rng: random.Random) -> Asked:
    """The two colours of a scene always differ."""
    thing = rng.choice(seen.things)
    return f"What shape is the {thing.colour} one?", thing.shape


def _presence(seen: Scene, rng: random.Random) -> Asked:
    """Half yes; of the no's, half have the colour or the shape of something that is there."""
    there = [(thing.colour, thing.shape) for thing in seen.things]
    if rng.random() < 0.5:
        colour, shape = rng.choice(there)
        return f"Is there a {colour} {shape}?", "yes"
    absent = [(colour, shape) for colour in COLOURS for shape in SHAPES if (colour, shape) not in there]
    near = [
        (colour, shape)
        for colour, shape in absent
        if colour in {one for one, _ in there} or shape in {other for _, other in there}
    ]
    colour, shape = rng.choice(near if rng.random() < 0.5 else absent)
    return f"Is there a {colour} {shape}?", "no"


def _name(seen: Scene, rng: random.Random) -> Asked:
    return f"Alt text: {seen.alt_text or 'none'}. What is this called?", seen.name or UNKNOWN


Asked = tuple[str, str]

_MAKERS: Final[dict[Task, Callable[[Scene, random.Random], Asked]]] = {
    "left_colour": _attribute(0, "colour"),
    "right_colour": _attribute(1, "colour"),
    "left_shape": _attribute(0, "shape"),
    "right_shape": _attribute(1, "shape"),
    "shape_of": _shape_of,
    "presence": _presence,
    "name": _name,
}
TASKS: Final = tuple(_MAKERS)
"""All tasks, in the order of the table."""

CHANCE: Final[dict[Task, float]] = {
    "left_colour": 1 / len(COLOURS),
    "right_colour": 1 / len(COLOURS),
    "left_shape": 1 / len(SHAPES),
    "right_shape": 1 / len(SHAPES),
    "shape_of": 1 / len(SHAPES),
    "presence": 0.5,
    "name": 0.3,  # the share of texts that tell no name: always "unknown"
}
"""Accuracy of the best answer that looks at nothing."""


Told = Literal["left", "right", "name", "false"]

_THING: Final = re.compile(rf"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})")
_WORD: Final = re.compile(r"[A-Za-z]+")


def told(text: str, seen: Scene) -> frozenset[Told]:
    """What a text tells of a scene: its left thing, its right thing, its name, anything that is false."""
    things = {" ".join(found) for found in _THING.findall(text)}
    left, right = (thing.words for thing in seen.things)
    called = {word for word in _WORD.findall(text) if word in _names()}
    false = things - {left, right} or called - {seen.name}
    marks: list[tuple[Told, bool]] = [
        ("left", left in things),
        ("right", right in things),
        ("name", seen.name in called),
        ("false", bool(false)),
    ]
    return frozenset(mark for mark, holds in marks if holds)


@cache
def _names() -> frozenset[str]:
    return frozenset((*names("training"), *names("held-out")))
