"""Documents in a language that is not wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from pydantic import BaseModel, Field, field_validator

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Removal, TextFacts

_CODES: Final = """
af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs
cv cy da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr
hsb ht hu hy ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc
lt lv mai mg mhr min mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa
pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg
th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf yi yo yue zh
"""
KNOWN: Final = frozenset(_CODES.split())
"""The codes that lid.176 can answer with."""


class LanguageParams(BaseModel):
    """Which languages are wanted, and how sure the identifier must be."""

    language: list[str] = Field(
        default=["en"],
        description=(
            "ISO 639 codes as fastText's lid.176 gives them (en, de, zh, ...); an empty list takes any "
            "language at any score. MINT-1T keeps English."
        ),
    )
    min_language_score: float = Field(
        default=0.65,
        ge=0,
        le=1,
        description="Least probability of the language found (MINT-1T; DCLM, refinedweb.yaml).",
    )

    @field_validator("language")
    @classmethod
    def _known_codes(cls, codes: list[str]) -> list[str]:
        unknown = [code for code in codes if code not in KNOWN]
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} is no code that the language identifier gives; "
                "use ISO 639 codes in lower case, such as en, de, zh"
            )
        return codes


def language(facts: TextFacts, params: LanguageParams) -> Iterator[Objection | Removal]:
    """The likeliest language is wanted and its probability is at least min_language_score.

    A single image (source image) has no text and is let pass. How sure the identifier is counts for web
    pages and PDF files only: mathematics makes it doubt, and MINT-1T takes ArXiv as it is.
    """
    if not params.language:
        return
    documents = facts.documents
    textual = documents.source != "image"
    other = ~np.isin(documents.language.astype(str), params.language)
    unsure = documents.language_score < params.min_language_score

    def name(row: int) -> str:
        return f"language {documents.language[row]}"

    yield Objection(FilterReason.OTHER_LANGUAGE, textual & other, documents.language_score, None, name)
    yield Objection(
        FilterReason.LANGUAGE_UNSURE,
        textual & unsure & (documents.source != "latex"),
        documents.language_score,
        params.min_language_score,
        name,
    )
