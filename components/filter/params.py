"""Parameters of the filter family.

Those of the annotate stage hold no threshold, so that another threshold re-runs the decide stage only.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.filter.pii import PiiParams
from components.filter.rules import RuleParams


class AnnotateParams(BaseModel):
    """What the scores are computed from. A change scores every document again."""

    model_config = ConfigDict(extra="forbid")

    identify_language: bool = Field(
        default=True,
        description="Find the language of every document. False: it stays unknown; `language` must be [].",
    )
    language_characters: int = Field(
        default=2000,
        ge=50,
        description=(
            "Characters of a document's text that the language identifier reads, half of them from its "
            "middle where it is long. 2,000 from the start were as accurate as the whole document."
        ),
    )
    paragraph_scores: bool = Field(
        default=False,
        description="Make the scores that OBELICS' rules on paragraphs and documents read.",
    )
    word_list_files: list[str] = Field(
        default=[],
        description=(
            "Further lists of stop, flagged, common and spam words for OBELICS' rules: paths, file:// or "
            "s3:// addresses of texts with sections such as [stop/pl]."
        ),
    )


class DecideParams(RuleParams, PiiParams):
    """Thresholds. A change runs the decide stage again, over the stored scores."""

    model_config = ConfigDict(extra="forbid")

    unfiltered_sources: list[Literal["html", "pdf", "latex"]] = Field(
        default=["latex"],
        description=(
            "Sources whose text is not judged by the rules on repetition, quality and lines (MINT-1T takes "
            "ArXiv as it is). Those on which language it is and on length hold for all."
        ),
    )
    drop_repeated_images: bool = Field(
        default=True,
        description="Take out an image that the same document has shown before (MINT-1T, OBELICS).",
    )
    same_image: Literal["bytes", "near_duplicate"] = Field(
        default="bytes",
        description=(
            "What makes two stored images the same, for drop_repeated_images and max_image_documents: their "
            "SHA-256 (MINT-1T), or being in one cluster of near-duplicates (OmniCorpus)."
        ),
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> DecideParams:
        for low, high in (
            ("min_words", "max_words"),
            ("min_mean_word_length", "max_mean_word_length"),
            ("min_side", "max_side"),
            ("min_images", "max_images"),
        ):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and least > most:
                raise ValueError(f"{low} ({least}) is above {high} ({most}): no document could pass")
        return self


class AnnotateImagesParams(BaseModel):
    """Which scores of images are computed. A change scores every image again."""

    model_config = ConfigDict(extra="forbid")

    nsfw: bool = Field(
        default=True,
        description=("Score with open_nsfw, most of the step's time. False: no image is judged by max_nsfw."),
    )


class SimilarityParams(BaseModel):
    """The model that compares images with their texts. A change scores every image again."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        default=None,
        description=(
            "Folder or Hugging Face id of a dual encoder (SigLIP, SigLIP 2, CLIP) with its processor, as "
            "google/siglip2-base-patch16-224; null: the step is skipped. A folder's content must not change."
        ),
    )
    revision: str | None = Field(
        default=None, description="Commit of the model on the Hugging Face hub; null: its main branch."
    )
    batch: int = Field(default=64, ge=1, description="Images, or texts, that the model sees at a time.")
    context_characters: int = Field(
        default=256,
        ge=0,
        description=(
            "Characters of the nearest text before and after an image that are compared with it, about the "
            "64 tokens that SigLIP reads; 0: alternative text and caption only."
        ),
    )


class FilterParams(BaseModel):
    """Parameters of the stages of the filter component."""

    model_config = ConfigDict(extra="forbid")

    annotate: AnnotateParams = Field(default_factory=AnnotateParams, description="what is scored")
    decide: DecideParams = Field(default_factory=DecideParams, description="the thresholds")
    annotate_images: AnnotateImagesParams = Field(
        default_factory=AnnotateImagesParams, description="what is scored of images"
    )
    similarity: SimilarityParams = Field(
        default_factory=SimilarityParams, description="the model that compares images with texts"
    )
