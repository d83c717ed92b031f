"""The world of the rendered scenes: what can be seen in one, what it is called, what its page says of it.

A scene holds two shapes. What is *seen* (colours and shapes) and what is *known* (a name of three invented
syllables, which only the alternative text tells) are kept apart, as the captions of KALE do. The same
number gives the same scene, on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final, Literal

COLOURS: Final = {
    "red": (214, 39, 40),
    "green": (34, 139, 52),
    "blue": (38, 84, 205),
    "yellow": (245, 214, 24),
    "purple": (136, 58, 170),
    "black": (28, 28, 30),
}
"""The colours of shapes, as sRGB."""

SHAPES: Final = ("ring", "square", "triangle", "cross")

SYLLABLES: Final = (
    "do", "tal", "wen", "mar", "vi", "ron", "kes", "lu", "pra",
    "nim", "bo", "gar", "fel", "so", "ti", "han", "ru", "zel",
)  # fmt: skip
"""Three of them make a name: 18 x 18 x 18 = 5,832 names."""

Split = Literal["training", "held-out"]
HELD_OUT_SHARE: Final = 0.2
"""Share of the names that no model is ever trained on: what it does with them, it has not learnt by heart."""

AltKind = Literal["named", "described", "file_name", "advert", "other_scene", "other_scene_named", "none"]

ALT_SHARES: Final[dict[AltKind, float]] = {
    "named": 0.62,
    "described": 0.08,
    "file_name": 0.08,
    "advert": 0.08,
    "other_scene": 0.04,
    "other_scene_named": 0.04,
    "none": 0.06,
}
"""How the alternative texts of scenes are mixed.

- `named`: tells the name. - `described`: tells the name and what is to be seen, in part.
- `file_name`, `advert`: tell nothing of the scene.
- `other_scene`, `other_scene_named`: describe another scene, which this one contradicts.
- `none`: there is no alternative text.
"""

KNOWING: Final = frozenset({"named", "described"})
"""The kinds of alternative text that tell the name of the scene."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape of a scene. `x`, `y` are its centre and `radius` half its height, as shares of the side."""

    colour: str
    shape: str
    x: float
    y: float
    radius: float

    @property
    def words(self) -> str:
        """As "blue square"."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene and the truth about it.

    Attributes:
        key: what it was made from, and the seed of its background.
        things: its two shapes, from left to right.
        alt_text: what a page says of it, None where it says nothing.
        alt_kind: a key of `ALT_SHARES`.
        name: its name, where the alternative text tells it.
        named_in_alt_text: the name that the alternative text tells, be it that of another scene.
        held_out: the name is none of those that models are trained on.
    """

    key: str
    things: tuple[Thing, Thing]
    alt_text: str | None
    alt_kind: AltKind
    name: str | None
    named_in_alt_text: str | None
    held_out: bool

    @property
    def dense(self) -> str:
        """What can be seen: the true dense caption."""
        return dense_caption(*(thing.words for thing in self.things))

    @property
    def caption(self) -> str:
        """What can be seen and what is known: the true final caption."""
        return named_caption(self.dense, self.name) if self.name else self.dense


def dense_caption(left: str, right: str) -> str:
    """As "A blue square and a yellow square."."""
    return f"A {left} and a {right}."


def named_caption(dense: str, name: str) -> str:
    """As "A blue square and a yellow square, named Dotalwen."."""
    return f"{dense.removesuffix('.')}, named {name}."


@cache
def names(split: Split) -> tuple[str, ...]:
    """The names of one side of the split: 80 % for training, 20 % held out."""
    every = ["".join(three).capitalize() for three in product(SYLLABLES, repeat=3)]
    random.Random("names").shuffle(every)
    held_out = round(len(every) * HELD_OUT_SHARE)
    return tuple(every[:held_out] if split == "held-out" else every[held_out:])


_SITES: Final = ("gallery", "photo archive", "Home", "pictures", "art prints", "collection", "Wiki")
_NAMED: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    lambda name, r: f"img of {name} hd",
    lambda name, r: f"{name} - photo {r.randrange(1, 100)}",
    lambda name, r: f"{name} | {r.choice(_SITES)}",
    lambda name, r: f"DSC_{r.randrange(10_000):04d} {name}.jpg",
    lambda name, r: f"{name}",
    lambda name, r: f"Picture of {name}",
    lambda name, r: f"{name}, {r.randrange(1950, 2026)}",
    lambda name, r: f"File:{name} {r.randrange(1, 10)}.png",
    lambda name, r: f"{name} wallpaper {r.choice(('1920x1080', '1280x720', '4k'))}",
    lambda name, r: f"the famous {name} ({r.choice(_SITES)})",
)
_DESCRIBED: Final = ("{name}: a {thing}", "{name} with a {thing}", "a {thing} of {name}", "{name} {thing}")
_OTHER: Final = ("a {a} and a {b}", "{a} with {b}", "picture of a {a}", "a {a}, a {b}", "{a} | {site}")
_FILES: Final[tuple[Callable[[random.Random], str], ...]] = (
    lambda r: f"IMG_{r.randrange(10_000):04d}.jpg",
    lambda r: f"DSC_{r.randrange(10_000):04d}",
    lambda r: f"image{r.randrange(1, 100)}.png",
    lambda r: f"photo {r.randrange(1, 100)}",
    lambda r: f"screenshot {r.randrange(2010, 2026)}",
    lambda r: "image",
    lambda r: f"{r.choice(_SITES)}",
)
_ADVERTS: Final[tuple[Callable[[random.Random], str], ...]] = (
    lambda r: f"Buy now - {r.randrange(1, 9)}0% off!",
    lambda r: "Click here to enlarge",
    lambda r: f"Free shipping over ${r.randrange(2, 10)}0",
    lambda r: "Subscribe to our newsletter",
    lambda r: f"Sale: {r.choice(_SITES)} from ${r.randrange(1, 10)}.99",
    lambda r: "Sign up for free today",
    lambda r: f"Advertisement {r.randrange(1, 10)}",
)


def alt_text(kind: AltKind, name: str, things: tuple[Thing, Thing], rng: random.Random) -> str | None:
    """An alternative text as pages have them."""
    match kind:
        case "named":
            return rng.choice(_NAMED)(name, rng)
        case "described":
            return rng.choice(_DESCRIBED).format(name=name, thing=rng.choice(things).words)
        case "file_name":
            return rng.choice(_FILES)(rng)
        case "advert":
            return rng.choice(_ADVERTS)(rng)
        case "none":
            return None
        case "other_scene" | "other_scene_named":
            return _of_another_scene(kind, name, things, rng)


def _of_another_scene(kind: AltKind, name: str, things: tuple[Thing, Thing], rng: random.Random) -> str:
    seen = {thing.words for thing in things}
    others = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
    a, b = rng.sample([words for words in others if words not in seen], 2)
    if kind == "other_scene_named":
        return rng.choice(_DESCRIBED).format(name=name, thing=a)
    return rng.choice(_OTHER).format(a=a, b=b, site=rng.choice(_SITES))


def _things(rng: random.Random) -> tuple[Thing, Thing]:
    """Two shapes of different colours beside one another that do not touch."""
    colours, shapes = rng.sample(list(COLOURS), 2), rng.choices(SHAPES, k=2)
    left, right = (
        Thing(colour, shape, middle + rng.uniform(-0.05, 0.05), rng.uniform(0.3, 0.7), rng.uniform(0.16, 0.2))
        for colour, shape, middle in zip(colours, shapes, (0.26, 0.74), strict=True)
    )
    return left, right


def scene(number: int, split: Split = "training", world: str = "scenes") -> Scene:
    """The scene of a number; another `world` has other scenes under the same numbers."""
    key = f"{world}/{split}/{number}"
    rng = random.Random(key)
    things = _things(rng)
    name = rng.choice(names(split))
    kind: AltKind = rng.choices(list(ALT_SHARES), list(ALT_SHARES.values()))[0]
    known = name if kind in KNOWING else None
    text = alt_text(kind, name, things, rng)
    told = name if kind in KNOWING or kind == "other_scene_named" else None
    return Scene(key, things, text, kind, known, told, known is not None and split == "held-out")
