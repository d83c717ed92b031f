"""Tidying and judging what models write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.caption.outputs import OutputParams, degenerate, same_captions, tidy
from components.caption.reasons import CaptionReason
from components.core.prompts import load_prompt, prompt_names

DENSE = load_prompt("dense-v1")
GOOD = (
    "A golden retriever sits on a wooden pier beside a lake, its head turned toward two sailing boats. The "
    "water is calm and reflects a row of pines; a red rope is coiled at the dog's feet."
)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (GOOD, GOOD),
        ("  A cat\n\n on a\tmat. ", "A cat on a mat."),
        ('"A cat on a mat."', "A cat on a mat."),
        ("\u201cA cat.\u201d", "A cat."),
        ('"Stop" is written on a "red" sign', '"Stop" is written on a "red" sign'),
        ("```\nA cat.\n```", "A cat."),
        ("```text\nA cat.\n```", "A cat."),
        ("New Sentence: A cat.", "A cat."),
        ("**New Sentence:** A cat.", "A cat."),
        ('New sentence: "A cat."', "A cat."),
        ("Sure, here is the merged caption:\n\nA cat.", "A cat."),
        ("Here\u2019s a refined caption: A cat.", "A cat."),
        ("Caption: Description: A cat.", "A cat."),
        ("A cat.<|im_end|>\n<|im_start|>assistant", "A cat. assistant"),
        ("<s>A cat.</s>", "A cat."),
        ("<think>\nThe user wants\n</think>\n\nA cat.", "A cat."),
        ("# A cat\nsits.", "A cat sits."),
        ("A **black** cat.", "A black cat."),
        ("A c\x00at\u200b.\ufffd", "A cat."),
        ("Sure, a cat: black.", "Sure, a cat: black."),
        ("A sign reads: Caption: none.", "A sign reads: Caption: none."),
        ("Caption:", "Caption:"),
        ("snake_case and a__b stay", "snake_case and ab stay"),
        ("", ""),
        ('"', '"'),
    ],
)
def test_tidy(raw: str, wanted: str) -> None:
    assert tidy(raw) == wanted


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                 "New Sentence:", '"', "'", "```", "\n", "**", "<s>", "<|im_end|>", "# ", "Sure, here is:",
                 "Caption:",
                 "<think>", "</think>", "\u201c", "\u201d", " ", "> ", "_", "__"]
            ),
            st.text(max_size=6),
        ),
        max_size=14,
    ).map("".join)
)  # fmt: skip
def test_tidying_twice_changes_nothing_and_makes_one_line(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    assert once == " ".join(once.split())
    assert len(once) <= len(text)


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("", "stop", "EMPTY_OUTPUT"),
        (" .,!… ", "stop", "EMPTY_OUTPUT"),
        ("I'm sorry, I can't help with that.", "stop", "REFUSED_BY_MODEL"),
        ("I\u2019m sorry, but I cannot identify people.", "stop", "REFUSED_BY_MODEL"),
        ("I cannot see the image you mention.", "stop", "REFUSED_BY_MODEL"),
        ("Unfortunately, I can't describe this picture.", "stop", "REFUSED_BY_MODEL"),
        ("As an AI language model I have no eyes.", "stop", "REFUSED_BY_MODEL"),
        ("There is no image attached to this message.", "stop", "REFUSED_BY_MODEL"),
        ("Please provide the image.", "stop", "REFUSED_BY_MODEL"),
        ("A dog. Do not guess names, places or dates, do not mention it.", "stop", "LEAKED_PROMPT"),
        ("A red red red red red red ball on grass.", "stop", "LOOPING_OUTPUT"),
        ("A dog " + "on the grass and " * 6, "length", "LOOPING_OUTPUT"),
        ("狗" * 20, "stop", "LOOPING_OUTPUT"),
        (" ".join(["The man is tall. He has a red coat.", "He has a red coat. The man is tall."] * 3), "stop",
         "LOOPING_OUTPUT"),
        ("A dog on a pier beside a lake with two", "length", "CUT_OFF_OUTPUT"),
        ("A dog.", "stop", "OUTPUT_TOO_SHORT"),
        (" ".join(f"word{n}" for n in range(500)), "stop", "OUTPUT_TOO_LONG"),
    ],
)  # fmt: skip
def test_degenerate_output_is_named(text: str, finish: str, reason: str) -> None:
    assert degenerate(text, finish, DENSE, OutputParams()) == CaptionReason[reason]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "finish"),
    [
        (GOOD, "stop"),
        (GOOD, "length"),
        ("A dog on a pier", "stop"),
        ('A sign says "Sorry, we\'re closed."', "length"),
        ("A woman holds a sign that reads I'm sorry, I can't.", "stop"),
        (
            "Three books lie on a desk, and three pens lie on a chair, and three cups stand on a shelf.",
            "stop",
        ),
        ("A very, very, very tall tower in fog.", "stop"),
        ("A red circle left of a red square, named Dotalwen.", "stop"),
        ("一只狗坐在湖边的木码头上。", "length"),
        ("Ein Hund sitzt auf dem Steg", "stop"),
        ("Sorrel horses graze in a field.", "stop"),
    ],
)
def test_captions_are_not_degenerate(text: str, finish: str) -> None:
    assert degenerate(text, finish, DENSE, OutputParams()) is None  # type: ignore[arg-type]


# "Describe." can't be told from a caption; it is too short for one
@pytest.mark.parametrize(
    "name", [name for name in prompt_names() if len(load_prompt(name).words.split()) > 3]
)
def test_a_prompt_that_comes_back_whole_is_a_leak(name: str) -> None:
    prompt = load_prompt(name)
    rendered = prompt.render(**dict.fromkeys(prompt.fields, "cat"))
    assert degenerate(rendered, "stop", prompt, OutputParams()) == CaptionReason.LEAKED_PROMPT


def test_alt_text_in_a_caption_is_no_leak() -> None:
    prompt = load_prompt("fuse-v1")
    alt = "the tower bridge in london seen from the south bank at night"
    prompt.render(alt_text=alt, dense_caption="A bridge over a river.")
    assert degenerate(f"A photograph of {alt}.", "stop", prompt, OutputParams()) is None


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.sampled_from(["stop", "length", "error"]))
def test_any_text_gets_a_verdict(text: str, finish: str) -> None:
    verdict = degenerate(text, finish, DENSE, OutputParams())  # type: ignore[arg-type]
    assert verdict is None or verdict in CaptionReason


@given(st.lists(st.sampled_from(["ab", "cd", "ef", "gh"]), min_size=1, max_size=4), st.integers(5, 20))
def test_any_phrase_that_comes_often_in_a_row_is_a_loop(phrase: list[str], times: int) -> None:
    text = "See how " + " ".join(phrase * times)
    assert degenerate(text, "stop", DENSE, OutputParams()) == CaptionReason.LOOPING_OUTPUT


def test_same_captions_are_found_by_their_words() -> None:
    texts = ["A cat.", "a cat", None, "A dog.", "A CAT!", "A dog.", None, None]
    groups = [str(number) for number in range(len(texts))]
    assert same_captions(texts, groups, 2) == {0: 3, 1: 3, 4: 3}
    assert set(same_captions(texts, groups, 1)) == {0, 1, 3, 4, 5}
    assert same_captions(texts, groups, 3) == {}
    assert same_captions(texts, groups, 0) == {}
    assert same_captions([], [], 1) == {}
    assert same_captions(texts, ["one"] * len(texts), 1) == {}  # near-duplicates of one another


def test_bounds_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="min_words"):
        OutputParams(min_words=9, max_words=3)
