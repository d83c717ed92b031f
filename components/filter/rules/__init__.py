"""The rules, in the order in which they judge; the first objection decides.

To add one: write a file with its parameters and its function, name both here (and its reason in
`components.filter.reasons`), and test it in `tests/filter/`.
"""

from __future__ import annotations

from typing import Final

from components.filter.rules.base import CountRule, ImageRule, TextRule
from components.filter.rules.c4 import C4Params, c4
from components.filter.rules.fineweb import FineWebParams, fineweb
from components.filter.rules.gopher_quality import GopherQualityParams, gopher_quality
from components.filter.rules.gopher_repetition import GopherRepetitionParams, gopher_repetition
from components.filter.rules.image_aspect import ImageAspectParams, image_aspect
from components.filter.rules.image_broken import ImageBrokenParams, image_broken
from components.filter.rules.image_count import ImageCountParams, image_count
from components.filter.rules.image_frequency import ImageFrequencyParams, image_frequency
from components.filter.rules.image_nsfw import ImageNsfwParams, image_nsfw
from components.filter.rules.image_sharpness import ImageSharpnessParams, image_sharpness
from components.filter.rules.image_similarity import ImageSimilarityParams, image_similarity
from components.filter.rules.image_size import ImageSizeParams, image_size
from components.filter.rules.image_synthetic import ImageSyntheticParams, image_synthetic
from components.filter.rules.image_text_density import ImageTextDensityParams, image_text_density
from components.filter.rules.image_url_words import ImageUrlWordsParams, image_url_words
from components.filter.rules.language import LanguageParams, language
from components.filter.rules.obelics_documents import ObelicsDocumentsParams, obelics_documents
from components.filter.rules.obelics_paragraphs import ObelicsParagraphsParams, obelics_paragraphs
from components.filter.rules.refinedweb import RefinedWebParams, refinedweb
from components.filter.rules.text_left import text_left
from components.filter.rules.url_lists import UrlListsParams, url_lists
from components.filter.rules.url_words import UrlWordsParams, url_words
from components.filter.rules.word_count import WordCountParams, word_count

TEXT_RULES: Final[tuple[TextRule, ...]] = (url_lists, url_words, word_count, language)
"""For documents of every source."""
QUALITY_RULES: Final[tuple[TextRule, ...]] = (
    gopher_repetition,
    gopher_quality,
    c4,
    refinedweb,
    fineweb,
    obelics_paragraphs,
    obelics_documents,
    text_left,
)
"""For prose: after TEXT_RULES, but not for `unfiltered_sources`. Gopher's rules and `word_count` see the text
as it was extracted, those after `c4` and `refinedweb` the lines that these leave (FineWeb's order)."""
IMAGE_RULES: Final[tuple[ImageRule, ...]] = (image_url_words, image_size, image_aspect)
STORED_IMAGE_RULES: Final[tuple[ImageRule, ...]] = (
    image_nsfw,
    *IMAGE_RULES,
    image_broken,
    image_synthetic,
    image_sharpness,
    image_text_density,
    image_similarity,
    image_frequency,
)
"""Those that judge again once the images are stored, on their real sizes and scores."""
COUNT_RULES: Final[tuple[CountRule, ...]] = (image_count,)


class RuleParams(
    UrlListsParams,
    UrlWordsParams,
    LanguageParams,
    WordCountParams,
    GopherRepetitionParams,
    GopherQualityParams,
    C4Params,
    RefinedWebParams,
    FineWebParams,
    ObelicsParagraphsParams,
    ObelicsDocumentsParams,
    ImageUrlWordsParams,
    ImageSizeParams,
    ImageAspectParams,
    ImageCountParams,
    ImageNsfwParams,
    ImageBrokenParams,
    ImageSyntheticParams,
    ImageSharpnessParams,
    ImageTextDensityParams,
    ImageSimilarityParams,
    ImageFrequencyParams,
):
    """The parameters of all rules, flat: each is defined in the file of the rule that reads it."""


__all__ = ["COUNT_RULES", "IMAGE_RULES", "QUALITY_RULES", "STORED_IMAGE_RULES", "TEXT_RULES", "RuleParams"]
