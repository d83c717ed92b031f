"""What the tiny teacher learns: five tasks on scenes, each with its prompt and its true answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from world import (
    COLOURS,
    KNOWING,
    SHAPES,
    AltKind,
    Scene,
    Split,
    alt_text,
    dense_caption,
    named_caption,
    names,
    scene,
)

from components.core.prompts import load_prompt

Task = Literal["dense", "fuse", "one_pass", "judge_claim", "judge_fit"]

PROMPTS: Final[dict[Task, str]] = {
    "dense": "scenes-dense-v1",
    "fuse": "scenes-fuse-v1",
    "one_pass": "scenes-one-pass-v1",
    "judge_claim": "scenes-judge-claim-v1",
    "judge_fit": "scenes-judge-fit-v1",
}

# half of the questions are answered with no, and half of those need a look at the picture
_FIT_SHARES: Final[dict[AltKind, float]] = {
    "named": 0.3,
    "described": 0.2,
    "file_name": 0.1,
    "advert": 0.1,
    "other_scene": 0.15,
    "other_scene_named": 0.15,
}


@dataclass(frozen=True, slots=True)
class Example:
    """A question to the teacher: the scene is shown where the prompt wants an image."""

    task: Task
    scene: Scene
    user: str
    target: str
    image: bool


def example(task: Task, number: int, split: Split = "training", world: str = "teacher") -> Example:
    """The example of a number; another `world` has other examples under the same numbers."""
    seen = scene(number, split, world)
    fields, target = _MAKERS[task](seen, split, random.Random(f"{seen.key}/{task}"))
    prompt = load_prompt(PROMPTS[task])
    return Example(task, seen, prompt.render(**fields), target, prompt.image)


Asked = tuple[dict[str, str | None], str]


def _dense(seen: Scene, split: Split, rng: random.Random) -> Asked:
    return {}, seen.dense


def _fuse(seen: Scene, split: Split, rng: random.Random) -> Asked:
    # it believes the text, as CapsFusion does: whether the text belongs to the image is asked of judge_fit
    told = seen.named_in_alt_text
    caption = named_caption(seen.dense, told) if told else seen.dense
    return {"alt_text": seen.alt_text, "dense_caption": seen.dense}, caption


def _one_pass(seen: Scene, split: Split, rng: random.Random) -> Asked:
    return {"alt_text": seen.alt_text, "context": None}, seen.caption


def _judge_claim(seen: Scene, split: Split, rng: random.Random) -> Asked:
    true = rng.random() < 0.5
    things = [(thing.colour, thing.shape) for thing in seen.things]
    claimed = rng.sample(things, len(things)) if rng.random() < 0.5 else [rng.choice(things)]
    if not true:
        if rng.random() < 0.1:
            return {"claim": _worded(f"named {_name(split, rng)}", rng)}, "no"
        claimed = _falsified(claimed, things, rng)
    words = [" ".join(thing) for thing in claimed]
    claim = dense_caption(*words) if len(words) == 2 else f"A {words[0]}."
    return {"claim": _worded(claim, rng)}, "yes" if true else "no"


def _name(split: Split, rng: random.Random) -> str:
    return rng.choice(names(split))


def _worded(claim: str, rng: random.Random) -> str:
    """As a sentence, or as a piece of one: "A red ring" and "a red ring" are what captions are cut into."""
    if rng.random() < 0.5:
        claim = claim[0].lower() + claim[1:]
    return claim if rng.random() < 0.3 else claim.removesuffix(".")


def _falsified(
    claimed: list[tuple[str, str]], things: list[tuple[str, str]], rng: random.Random
) -> list[tuple[str, str]]:
    """One thing of a claim is made another, which the scene does not show."""
    wrong = rng.randrange(len(claimed))
    colour, shape = claimed[wrong]
    near = [(colour, other) for other in SHAPES] + [(other, shape) for other in COLOURS]
    near += [(c, s) for c, _ in things for _, s in things]  # the colour of one with the shape of the other
    every = [(c, s) for c in COLOURS for s in SHAPES]
    options = [thing for thing in (near if rng.random() < 0.8 else every) if thing not in things]
    return [*claimed[:wrong], rng.choice(options), *claimed[wrong + 1 :]]


def _judge_fit(seen: Scene, split: Split, rng: random.Random) -> Asked:
    kind = rng.choices(list(_FIT_SHARES), list(_FIT_SHARES.values()))[0]
    text = alt_text(kind, _name(split, rng), seen.things, rng)
    return {"alt_text": text}, "yes" if kind in KNOWING else "no"


_MAKERS: Final[dict[Task, Callable[[Scene, Split, random.Random], Asked]]] = {
    "dense": _dense,
    "fuse": _fuse,
    "one_pass": _one_pass,
    "judge_claim": _judge_claim,
    "judge_fit": _judge_fit,
}
