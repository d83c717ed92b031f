"""The rules, in the order in which they judge; the first objection decides.

To add one: write a file with its parameters and its function, name both here (and its reason in
`components.filter.reasons`), and test it in `tests/filter/`.
"""

from __future__ import annotations

from typing import Final

from components.filter.rules.base import CountRule, DocumentRule, ImageRule
from components.filter.rules.image_aspect import ImageAspectParams, image_aspect
from components.filter.rules.image_count import ImageCountParams, image_count
from components.filter.rules.image_size import ImageSizeParams, image_size
from components.filter.rules.image_url_words import ImageUrlWordsParams, image_url_words
from components.filter.rules.language import LanguageParams, language
from components.filter.rules.word_count import WordCountParams, word_count

DOCUMENT_RULES: Final[tuple[DocumentRule, ...]] = (word_count, language)
IMAGE_RULES: Final[tuple[ImageRule, ...]] = (image_url_words, image_size, image_aspect)
COUNT_RULES: Final[tuple[CountRule, ...]] = (image_count,)


class RuleParams(
    LanguageParams, WordCountParams, ImageUrlWordsParams, ImageSizeParams, ImageAspectParams, ImageCountParams
):
    """The parameters of all rules, flat: each is defined in the file of the rule that reads it."""


__all__ = ["COUNT_RULES", "DOCUMENT_RULES", "IMAGE_RULES", "RuleParams"]
