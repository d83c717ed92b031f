"""Who decides what supports a claim: a vision-language model, or words alone.

A claim is attributed to the pixels, to the alternative text, to the page, or to nothing. Names and figures
are looked for in the texts first: they are what a picture shows least.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.caption.engines.base import Completion, Engine, Request, captioner
from components.caption.evidence import Wanted, clash
from components.caption.reasons import CaptionReason
from components.core.claims import Claim, sentences
from components.core.errors import ConfigurationError
from components.core.prompts import Prompt
from components.core.stage import code_version

Source = Literal["pixels", "alt_text", "page", "none"]
Verdict = Literal["supported", "unsupported", "contradicted"]

_DIGITS = 4
"""Decimal places of a score."""


@dataclass(frozen=True, slots=True)
class Case:
    """A caption, its claims, and everything they can rest on.

    Attributes:
        caption: the text that the claims were cut from.
        claims: of `split_claims`.
        dense: the caption of the pixels alone; null where none was made.
        alt: the alternative text that was found to belong to the image; null where none was.
        page: title and text beside the image.
        image: the encoded image; null where the judge does not look.
    """

    caption: str
    claims: Sequence[Claim]
    dense: str | None
    alt: str | None
    page: str | None
    image: bytes | None = None

    def wanted(self) -> list[Wanted]:
        """What each claim asks of its evidence."""
        opening = {start for start, _ in sentences(self.caption)}
        return [Wanted.of(claim.text, opening=claim.start in opening) for claim in self.claims]

    @property
    def texts(self) -> list[tuple[Source, str]]:
        """What is written of the image, the nearest first."""
        found: list[tuple[Source, str]] = [("alt_text", self.alt or ""), ("page", self.page or "")]
        return [(source, text) for source, text in found if text]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What supports a claim, and how sure the judge is (0 to 1; null where it does not say)."""

    source: Source
    verdict: Verdict
    score: float | None


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A caption that could not be judged, and why; it can be tried again."""

    reason: CaptionReason
    detail: str


class ClaimJudge(ABC):
    """Judges claims; `judged_lexically` says whether it goes by words alone."""

    judged_lexically: bool

    @abstractmethod
    def judge(self, cases: Sequence[Case]) -> list[list[Judgement] | Unjudged]:
        """A judgement a claim, for every case."""

    @abstractmethod
    def identity(self) -> dict[str, str | None]:
        """The struct `judge` of captions/1."""


def _supported(source: Source, score: float | None) -> Judgement:
    return Judgement(source, "supported", None if score is None else round(score, _DIGITS))


def by_texts(case: Case, wanted: Wanted, min_coverage: float) -> Judgement | None:
    """The text that has all the names and figures of a claim, together with the dense caption most of it."""
    for source, text in case.texts:
        coverage = wanted.coverage(text, case.dense)
        if wanted.named_in(text) and coverage >= min_coverage:
            return _supported(source, coverage)
    return None


class LexicalJudge(ClaimJudge):
    """Compares words. The dense caption stands for the pixels, so it can't be judged by it itself.

    Where a caption is the dense caption, or none was made, what it says of the pixels is believed, without a
    score; its names and figures are still looked for in the texts where there is no dense caption.

    Args:
        min_coverage: share of a claim's content words that a text must have to support it.
    """

    judged_lexically = True

    def __init__(self, min_coverage: float) -> None:
        self._min_coverage = min_coverage

    def judge(self, cases: Sequence[Case]) -> list[list[Judgement] | Unjudged]:
        """Judge by words; nothing can fail."""
        return [
            [self._one(case, c, w) for c, w in zip(case.claims, case.wanted(), strict=True)] for case in cases
        ]

    def _one(self, case: Case, claim: Claim, wanted: Wanted) -> Judgement:
        believed = case.dense is None or case.dense == case.caption
        if not believed and clash(claim.text, case.dense):
            return Judgement("none", "contradicted", None)
        if found := by_texts(case, wanted, 0.0 if believed else self._min_coverage):
            return found
        if believed:
            invented = case.dense is None and wanted.specifics
            return Judgement("none", "unsupported", 0.0) if invented else _supported("pixels", None)
        best = 0.0
        texts: list[tuple[Source, str]] = [("pixels", case.dense or ""), *case.texts]
        for source, text in texts:
            coverage = wanted.coverage(text)
            if coverage >= self._min_coverage and (not wanted.specifics or wanted.named_in(text)):
                return _supported(source, coverage)
            best = max(best, coverage)
        return Judgement("none", "unsupported", round(best, _DIGITS))

    def identity(self) -> dict[str, str | None]:
        """Says that no model judged."""
        return {
            "model": "lexical",
            "revision": None,
            "engine": "lexical",
            "engine_version": code_version(),
            "prompt": None,
            "prompt_digest": None,
            "sampling": json.dumps({"min_coverage": self._min_coverage}),
        }


class ModelJudge(ClaimJudge):
    """Asks a vision-language model about image and claim, and a language model about texts and claim.

    1. Names and figures that a text has, with most of the claim's words there or in the dense caption: that
       text supports the claim; no question is asked.
    2. Everything else is asked of the image, all claims of a unit at once.
    3. What the image does not settle is asked of each text, where an entailment prompt is given; else the
       text must have most of the claim's words.

    Args:
        teacher: looks at the images.
        claim_prompt: has the field {claim}, an image and the choices yes and no.
        fuser: reads the texts.
        entail_prompt: has the fields {evidence} and {claim} and the choices yes and no.
        min_probability: a yes below it does not count.
        min_coverage: share of a claim's content words that a text must have to support it.

    Raises:
        ConfigurationError: where a prompt does not offer the choices.
    """

    judged_lexically = False

    def __init__(
        self,
        teacher: Engine,
        claim_prompt: Prompt,
        fuser: Engine | None,
        entail_prompt: Prompt | None,
        *,
        min_probability: float,
        min_coverage: float,
    ) -> None:
        check_choices(claim_prompt)
        if not claim_prompt.image:
            raise ConfigurationError(f"Prompt {claim_prompt} shows no image: set image: true in its file.")
        if entail_prompt is not None:
            check_choices(entail_prompt)
        self._teacher, self._claim_prompt = teacher, claim_prompt
        self._fuser, self._entail_prompt = fuser, entail_prompt
        self._min_probability, self._min_coverage = min_probability, min_coverage

    def judge(self, cases: Sequence[Case]) -> list[list[Judgement] | Unjudged]:
        """Two rounds of questions, each for all cases at once."""
        wanted = [case.wanted() for case in cases]
        # a reader of texts settles what is not wholly written in them
        enough = self._min_coverage if self._entail_prompt is None else 1.0
        found: list[list[Judgement | None]] = [
            [
                None if clash(claim.text, case.dense) else by_texts(case, one, enough)
                for claim, one in zip(case.claims, each, strict=True)
            ]
            for case, each in zip(cases, wanted, strict=True)
        ]
        failed: dict[int, Unjudged] = {}
        open_claims = self._look(cases, wanted, found, failed)
        self._read([entry for entry in open_claims if entry[0] not in failed], cases, wanted, found, failed)
        judged: list[list[Judgement] | Unjudged] = []
        for number, each in enumerate(found):
            decided = [one for one in each if one is not None]
            judged.append(failed.get(number) or decided)
        return judged

    def _look(
        self,
        cases: Sequence[Case],
        wanted: Sequence[Sequence[Wanted]],
        found: list[list[Judgement | None]],
        failed: dict[int, Unjudged],
    ) -> list[tuple[int, int]]:
        """Ask the image. Returns what it leaves open, (number of the case, of the claim)."""
        asked = [(n, i) for n, each in enumerate(found) for i, one in enumerate(each) if one is None]
        answers = self._teacher.generate(
            [Request.of(self._claim_prompt, cases[n].image, claim=cases[n].claims[i].text) for n, i in asked]
        )
        left: list[tuple[int, int]] = []
        choices = self._claim_prompt.choices or ()
        for (n, i), completion in zip(asked, answers, strict=True):
            answer = choice(completion)
            if isinstance(answer, Unjudged):
                failed.setdefault(n, answer)
                continue
            said, score = answer
            if said == "yes" and (score is None or score >= self._min_probability):
                found[n][i] = _supported("pixels", score)
                continue
            clashes = clash(cases[n].claims[i].text, cases[n].dense) is not None
            denied = said == "no" and "unsure" in choices  # else a no may mean that it can't be seen
            verdict: Verdict = "contradicted" if denied or clashes else "unsupported"
            found[n][i] = Judgement("none", verdict, score if said == "no" else None)
            if not clashes and (wanted[n][i].specifics or not denied):
                left.append((n, i))
        return left

    def _read(
        self,
        left: Sequence[tuple[int, int]],
        cases: Sequence[Case],
        wanted: Sequence[Sequence[Wanted]],
        found: list[list[Judgement | None]],
        failed: dict[int, Unjudged],
    ) -> None:
        """Settle by the texts what the image left open."""
        asked = [(n, i, source, text) for n, i in left for source, text in cases[n].texts]
        if self._fuser is None or self._entail_prompt is None:
            for n, i, source, text in reversed(asked):  # the nearest text is asked last and wins
                coverage, specific = wanted[n][i].coverage(text), wanted[n][i].specifics
                if coverage >= self._min_coverage and (not specific or wanted[n][i].named_in(text)):
                    found[n][i] = _supported(source, coverage)
            return
        answers = self._fuser.generate(
            [
                Request.of(
                    self._entail_prompt,
                    None,
                    # what names something that is seen can't be told without what is seen
                    evidence=" ".join(
                        filter(None, (text, cases[n].dense if wanted[n][i].specifics else None))
                    ),
                    claim=cases[n].claims[i].text,
                )
                for n, i, _, text in asked
            ]
        )
        for (n, i, source, _), completion in reversed(list(zip(asked, answers, strict=True))):
            answer = choice(completion)
            if isinstance(answer, Unjudged):
                failed.setdefault(n, answer)
            elif answer[0] == "yes" and (answer[1] is None or answer[1] >= self._min_probability):
                found[n][i] = _supported(source, answer[1])

    def identity(self) -> dict[str, str | None]:
        """The teacher's; the prompts of both rounds where there are two."""
        who = captioner(self._teacher, self._claim_prompt)
        if self._entail_prompt is not None:
            both = self._claim_prompt.digest + self._entail_prompt.digest
            who["prompt"] = f"{self._claim_prompt}+{self._entail_prompt}"
            who["prompt_digest"] = hashlib.sha256(both.encode()).hexdigest()[:16]
        return who


def check_choices(prompt: Prompt) -> None:
    """Refuse a prompt for a judge that can't be answered by yes or no.

    Raises:
        ConfigurationError: naming the prompt.
    """
    if not {"yes", "no"} <= set(prompt.choices or ()):
        raise ConfigurationError(
            f'Prompt {prompt} must offer the choices "yes" and "no" (and "unsure", if wanted) in its file.'
        )


def choice(completion: Completion) -> tuple[str, float | None] | Unjudged:
    """Which of the choices was answered, and its probability."""
    if completion.error is not None:
        return Unjudged(CaptionReason(completion.error), completion.detail)
    probability = completion.probability
    return completion.text, None if probability is None else round(probability, _DIGITS)
