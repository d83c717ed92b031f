from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from components.publish.caption_exhibits import marked
from tests.publish.kale_runs import claim

CAPTION = "A dog sits. Its name is Rex. It is old."


def test_claims_are_labelled_in_their_places() -> None:
    claims = [
        claim("A dog sits.", "pixels"),
        claim("A cat runs.", "none", "contradicted", removed=True),
        claim("It purrs.", "pixels", removed=True),
        claim("Its name is Rex.", "alt_text"),
        claim("It is old.", "none", "unsupported"),
    ]
    spans = marked(CAPTION, claims)
    assert [(s.text, s.label, s.tone, s.removed) for s in spans] == [
        ("A dog sits.", "pixels", "pixels", False),
        ("A cat runs.", "removed: contradicted", "none", True),
        ("It purrs.", "removed: leans on what was removed", "none", True),
        (" ", "", "", False),
        ("Its name is Rex.", "alt text", "alt_text", False),
        (" ", "", "", False),
        ("It is old.", "unsupported, kept", "none", False),
    ]


def test_a_claim_that_was_reworded_stays_plain() -> None:
    spans = marked(CAPTION, [claim("The dog's name is Rex.", "alt_text"), claim("It is old.", "pixels")])
    assert [(s.text, s.label) for s in spans] == [
        ("A dog sits. Its name is Rex. ", ""),
        ("It is old.", "pixels"),
    ]


TEXTS = st.text("ab. ", max_size=12)


@given(TEXTS, st.lists(st.tuples(TEXTS.filter(bool), st.booleans()), max_size=5))
def test_what_is_not_removed_is_the_caption(text: str, parts: list[tuple[str, bool]]) -> None:
    spans = marked(text, [claim(part, "pixels", removed=gone) for part, gone in parts])
    assert "".join(span.text for span in spans if not span.removed) == text
    assert sum(span.removed for span in spans) == sum(gone for _, gone in parts)
