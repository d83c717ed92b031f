"""What models write: cleaned up the same way for every engine, and judged before anyone reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.caption.engines.base import Finish
from components.caption.reasons import CaptionReason
from components.core.prompts import Prompt

_THOUGHT: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_CHAT_TOKEN: Final = re.compile(
    r"<[|\uff5c][^<>]{1,40}?[|\uff5c]>|</?s>|<(?:image|pad|eos|bos|unk|start_of_turn|end_of_turn)>|<</?SYS>>"
    r"|\[/?INST\]|\[/?IMG\]"
)
_FENCE: Final = re.compile(r"\A\s*```[A-Za-z]*[ \t]*\n?(.*?)\n?```\s*\Z", re.DOTALL)
_MARKUP: Final = re.compile(r"\*\*|__(?=\w)|(?<=\w)__|^\s{0,3}#{1,6}\s+|^\s{0,3}>\s+", re.MULTILINE)
_PREFIX: Final = re.compile(
    r"\A\s*(?:"
    r"(?:new|merged|refined|combined|final|revised)\s+(?:sentence|caption|description)"
    r"|(?:dense\s+)?caption|description|answer|output"
    r"|(?:sure|certainly|of course|okay|ok)[,.!]?\s*(?:here(?:'s|\u2019s| is)[^:\n]{0,80})?"
    r"|here(?:'s|\u2019s| is)\s+(?:the|a|an|your)\s[^:\n]{0,80}"
    r")\s*:\s*(?=\S)",
    re.IGNORECASE,
)
_QUOTES: Final = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb", "`": "`"}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff\ufffd]")

_IDEOGRAPHS: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
# Scripts written without spaces: a character counts as a word
_WORD: Final = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+(?:['\u2019-][^\W_{_IDEOGRAPHS}]+)*")
_END: Final = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u0964\u061f][\"'\u2019\u201d\u00bb)\]\u300d\u300f]*\Z"
)
_REFUSAL: Final = re.compile(
    r"\A\W*(?:"
    r"(?:i['\u2019]?m|i am|we['\u2019]?re)\s+(?:very\s+|really\s+|so\s+)?(?:sorry|afraid|unable|not able)\b"
    r"|sorry\b|apologies\b|my apologies\b|i apologi[sz]e\b"
    r"|(?:unfortunately,?\s+)?i\s+"
    r"(?:can['\u2019]?t|cannot|can not|won['\u2019]?t|will not|do not|don['\u2019]?t)\s+"
    r"(?:\w+\s+)?"
    r"(?:help|assist|describe|identify|provide|see|view|process|comply|generate|create|have|access|know)\b"
    r"|as an? (?:ai|artificial|language model|large language)\b"
    r"|(?:there is|there['\u2019]s) no image\b"
    r"|no image (?:was|is|has been) (?:provided|attached|given|visible)"
    r"|please (?:provide|upload|share|attach)\b"
    r")",
    re.IGNORECASE,
)


class OutputParams(BaseModel):
    """When a caption is degenerate."""

    model_config = ConfigDict(extra="forbid")

    min_words: int = Field(default=3, ge=0, description="Words of a caption at least.")
    max_words: int = Field(default=400, ge=1, description="Words of a caption at most (KALE's mean: 67).")
    loop_words: int = Field(default=4, ge=2, le=20, description="Words of the phrases that are counted.")
    max_loop_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of a caption's phrases that may be repeats of earlier ones (12 words and up).",
    )
    max_loops: int = Field(
        default=4, ge=2, description="Times a word or phrase may come in a row, nothing between."
    )
    leak_words: int = Field(
        default=8, ge=3, description="Words in a row that a caption may not share with its prompt."
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> OutputParams:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words ({self.min_words}) is above max_words ({self.max_words})")
        return self


def tidy(text: str) -> str:
    """A model's answer as one line of plain text. Tidying twice changes nothing more.

    Taken off: a thought in <think>, chat template tokens, a code fence, bold and heading marks, what
    announces the caption ("New Sentence:", "Sure, here is the caption:"), quotes around the whole, control
    characters, needless white space.
    """
    before = None
    while text != before:
        before = text
        text = _THOUGHT.sub("", text)
        text = _CHAT_TOKEN.sub(" ", text)
        text = _CONTROL.sub("", text)
        if fence := _FENCE.match(text):
            text = fence[1]
        text = " ".join(_MARKUP.sub("", text).split())
        text = _PREFIX.sub("", text, count=1)
        text = _unquoted(text)
    return text


def degenerate(text: str, finish: Finish, prompt: Prompt, params: OutputParams) -> CaptionReason | None:
    """Why a tidied answer is no caption; None where it may be one.

    Args:
        finish: how the engine says it ended.
        prompt: what was asked; its own words must not come back.
    """
    words = words_of(text)
    if not words:
        return CaptionReason.EMPTY_OUTPUT
    checks = (
        (CaptionReason.REFUSED_BY_MODEL, _REFUSAL.match(text) is not None),
        (CaptionReason.LEAKED_PROMPT, leaks(words, words_of(prompt.words), params.leak_words)),
        (CaptionReason.LOOPING_OUTPUT, loops(words, params)),
        (CaptionReason.CUT_OFF_OUTPUT, finish == "length" and _END.search(text) is None),
        (CaptionReason.OUTPUT_TOO_SHORT, len(words) < params.min_words),
        (CaptionReason.OUTPUT_TOO_LONG, len(words) > params.max_words),
    )
    return next((reason for reason, found in checks if found), None)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; of scripts without spaces, its characters."""
    return _WORD.findall(text.casefold())


def loops(words: Sequence[str], params: OutputParams) -> bool:
    """Whether a text goes round: phrases come in a row too often, or too many are repeats."""
    for length in range(1, 1 + len(words) // (params.max_loops + 1)):
        in_a_row = 0
        for at in range(length, len(words)):
            in_a_row = in_a_row + 1 if words[at] == words[at - length] else 0
            if in_a_row >= length * params.max_loops:
                return True
    size = params.loop_words
    if len(words) < 3 * size:
        return False
    phrases = Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))
    total = phrases.total()
    return (total - len(phrases)) / total > params.max_loop_share


def leaks(words: Sequence[str], prompt: Sequence[str], run: int) -> bool:
    """Whether a text holds `run` words of the prompt in a row; of a shorter prompt (3 words and up) all."""
    run = min(run, len(prompt))
    if run < 3 or len(words) < run:
        return False
    known = {tuple(prompt[at : at + run]) for at in range(len(prompt) - run + 1)}
    return any(tuple(words[at : at + run]) in known for at in range(len(words) - run + 1))


def same_captions(texts: Sequence[str | None], groups: Sequence[str], limit: int) -> dict[int, int]:
    """Captions that more than `limit` different images of a shard have alike: a model that says the same of
    everything sees nothing.

    Args:
        texts: a caption for each image; None where there is none. Case and punctuation do not tell captions
            apart.
        groups: the cluster of near-duplicates that each image is in; those of one count as one image.
        limit: 0 finds none.

    Returns:
        Position → how many different images have that caption.
    """
    if not limit:
        return {}
    keys = [None if text is None else tuple(words_of(text)) for text in texts]
    having: dict[tuple[str, ...], set[str]] = {}
    for key, group in zip(keys, groups, strict=True):
        if key is not None:
            having.setdefault(key, set()).add(group)
    counted = ((at, len(having[key])) for at, key in enumerate(keys) if key is not None)
    return {at: number for at, number in counted if number > limit}


def _unquoted(text: str) -> str:
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and not ({text[0], text[-1]} & set(text[1:-1])):
        return text[1:-1].strip()
    return text
