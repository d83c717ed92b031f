"""Names and numbers of an alternative text: what a caption of the pixels alone can't know.

They are found by their form (capital letters, digits), without a dictionary or a model. An alternative text
is often a bare name, so that, other than in `claims.specifics`, a capital at its start makes a name, too.
Scripts without capitals have numbers only. Compare with what a reference keeps of them (`kept`) to be rid of
what nobody would repeat.
"""

from __future__ import annotations

from typing import Final

from components.core.claims import STOP_WORDS, normal, words

_CARRIED_ALONG: Final = frozenset(
    [
        *("alt", "close", "copyright", "download", "fig", "figure", "file", "free", "gif", "hd", "icon"),
        *("illustration", "image", "img", "jpeg", "jpg", "logo", "photo", "photograph", "pic", "picture"),
        *(
            "png",
            "portrait",
            "screenshot",
            "stock",
            "svg",
            "thumbnail",
            "vector",
            "view",
            "wallpaper",
            "webp",
        ),
    ]
)
"""What alternative texts begin with or carry along: never a name."""


def facts(text: str | None) -> frozenset[str]:
    """Names and numbers of a text, as `claims.normal` writes them.

    A text all in capitals says nothing about names: of it only what has a digit counts.
    """
    if not text:
        return frozenset()
    shouted = text.isupper()
    found = set()
    for word in words(text.replace("_", " ")):  # file names are used as alternative texts
        named = len(word) > 1 and word[0].isupper() and not shouted
        if named or any(sign.isdigit() for sign in word):
            found.add(normal(word))
    return frozenset(found - STOP_WORDS - _CARRIED_ALONG)


def kept(wanted: frozenset[str], caption: str) -> frozenset[str]:
    """Those of the facts that a caption holds."""
    return wanted.intersection(map(normal, words(caption)))
