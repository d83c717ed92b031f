"""The scenes as a static web site: rooms of a small museum of paper prints, with some words on each print.

The words are put together from parts. They are English enough for the filters of a text pipeline, and
differ enough from room to room for its deduplication; they say nothing of colours and shapes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from world import Scene

PRINTS_A_ROOM: Final = 8
"""Scenes on one page."""

_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "person": (
        "Ada Holm", "Jonas Birk", "Clara Winther", "Peter Okafor", "Maria Lindqvist", "Tom Avery",
        "Ruth Calder", "Elias Moreau", "Nina Petrov", "Hugo Brandt", "Sofia Marino", "Owen Hart",
        "Lena Fischer", "Martin Kowal", "Grace Adeyemi", "Ivan Horak", "Julia Santos", "Karl Nyberg",
    ),
    "place": (
        "a mill by the river", "the old school", "a shed behind the harbour", "the reading room", "a barn",
        "the railway station", "a house on the hill", "the village hall", "a cellar in the old town",
        "the attic of a bakery", "a boat yard", "the back of a chapel", "a workshop near the market",
    ),
    "paper": (
        "heavy cotton paper", "paper made from rags", "thin rice paper", "the back of a map",
        "wrapping paper", "a sheet of drawing board",
        "a page from an account book",
        "handmade paper", "a roll of wallpaper",
    ),
    "tool": (
        "a wooden block", "a linen stencil", "two copper plates", "a hand press", "a cut potato",
        "a roller of soft rubber", "three small stamps", "a sponge and a ruler", "a silk screen",
    ),
    "when": (
        "during a wet spring", "over a single weekend", "in the last week of winter", "after a long illness",
        "while the roof was being mended", "between two journeys", "on the evening of a wedding",
        "in a summer without rain", "before the workshop was closed", "when the first snow had fallen",
    ),
    "owner": (
        "a teacher", "the widow of a sailor", "a collector of stamps", "the local library",
        "a retired judge",
        "her youngest brother",
        "a dealer in clocks", "the owner of a hotel", "a school for girls", "a chemist",
    ),
    "reason": (
        "to try a new kind of ink", "as a gift for a friend", "to pay for a bicycle", "for a children's book",
        "to find out how little a picture needs", "as the cover of a concert programme", "to learn the trade",
        "for the walls of a waiting room", "to keep a promise", "because the first version was lost",
    ),
    "state": (
        "one corner is torn", "the edges have been cut by hand", "the sheet was folded twice",
        "a coffee cup has left its ring on the back", "it has hardly faded", "the ink is still thick",
        "somebody has written a telephone number on the back", "it smells of smoke", "the frame is younger",
    ),
    "visitor": (
        "Children", "Students of design", "People who come in from the rain", "Visitors from abroad",
        "Those who work with paper", "Older guests", "Painters", "Most of our guests", "School classes",
    ),
    "reaction": (
        "stand in front of it longer than they had planned", "ask whether it was made by a machine",
        "want to know how many copies there are", "try to draw it from memory", "take it for a flag",
        "look for a hidden message in it", "say that they could have done it", "walk past it twice",
        "count its corners", "turn their heads to one side",
    ),
    "number": ("seven", "twelve", "twenty", "thirty", "forty", "three", "fifty", "nine", "sixteen"),
    "month": ("January", "March", "April", "May", "June", "August", "September", "October", "November"),
}  # fmt: skip

_SENTENCES: Final = (
    "{person} made this print in {place} {when}, with {tool} and {paper}.",
    "It was printed {when} on {paper}, and {number} copies were given to {owner}.",
    "We have had it since {month} {year} from {owner}, who found it in {place} {when}, the work of {person}.",
    "{person} used {tool} {reason}, and never printed more than {number} sheets of it.",
    "If you look closely you can see that {state}, which has to do with {tool} in {place}.",
    "{visitor} often {reaction}, and {person} is said to have enjoyed that {when}.",
    "It came in {month} {year} together with {number} letters that {person} wrote {when} to {owner}.",
    "It hung in {place} until {month} {year}, when {owner} sold it {reason}.",
    "In {month} {year} it was shown beside the work of {person}, who had borrowed {tool} from {owner}.",
    "Of the {number} sheets that were made {when}, this is the only one on {paper}, and {state}.",
    "{person} wrote in {year} that it was made {reason}, in {place}, with nothing but {tool}.",
    "{visitor} {reaction}, perhaps because {person} printed it {reason} and not to be looked at.",
)


def sentences(rng: random.Random, count: int) -> list[str]:
    """Sentences on prints, each of another form: a filter drops pages that say the same again and again."""
    filled = []
    for form in rng.sample(_SENTENCES, count):
        parts = {name: rng.choice(options) for name, options in _PARTS.items()}
        filled.append(form.format(year=rng.randrange(1921, 2020), **parts))
    return filled


def _page(title: str, up: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)} | Museum of Paper Prints</title>\n</head>\n<body>\n"
        f'<header><a href="{up}index.html">Museum of Paper Prints</a></header>\n'
        f"<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n"
        "<footer>Rendered scenes and invented words: CC0 1.0.</footer>\n</body>\n</html>\n"
    )


def _figure(key: str, scene: Scene, size: int, words: str) -> str:
    alt = "" if scene.alt_text is None else f' alt="{escape(scene.alt_text)}"'
    return (
        f"<p>{escape(words)}</p>\n"
        f'<figure><img src="../images/{key}.png"{alt} width="{size}" height="{size}"></figure>\n'
    )


def write_site(samples: Sequence[tuple[str, Scene, bytes]], folder: Path, size: int) -> None:
    """Write `index.html`, `rooms/` and `images/`; every page can be reached from the first.

    Args:
        samples: key (the image's file name), scene and PNG bytes of each.
        folder: where to; it is made.
        size: side of the images in pixels.
    """
    for name in ("rooms", "images"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rooms = [samples[start : start + PRINTS_A_ROOM] for start in range(0, len(samples), PRINTS_A_ROOM)]
    links = []
    for number, room in enumerate(rooms, 1):
        rng = random.Random(f"room {number}")
        title = f"Room {number}: {rng.choice(_PARTS['person'])} and friends"
        words = sentences(rng, len(room) + 2)
        figures = "".join(_figure(*one[:2], size, said) for one, said in zip(room, words, strict=False))
        body = f"{figures}<p>{escape(' '.join(words[-2:]))}</p>\n"
        if number < len(rooms):
            body += f'<p><a href="{number + 1}.html">Next room</a></p>\n'
        (folder / "rooms" / f"{number}.html").write_text(_page(title, "../", body), encoding="utf-8")
        links.append(f'<li><a href="rooms/{number}.html">{escape(title)}</a></li>\n')
        for key, _, data in room:
            (folder / "images" / f"{key}.png").write_bytes(data)
    index = f"<p>{escape(' '.join(sentences(random.Random('index'), 3)))}</p>\n<ul>\n{''.join(links)}</ul>\n"
    (folder / "index.html").write_text(_page("Rooms", "", index), encoding="utf-8")
