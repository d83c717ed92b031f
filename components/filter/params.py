"""Parameters of the filter family.

Those of the annotate stage hold no threshold, so that another threshold re-runs the decide stage only.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.filter.rules import RuleParams


class AnnotateParams(BaseModel):
    """What the scores are computed from. A change scores every document again."""

    model_config = ConfigDict(extra="forbid")

    language_characters: int = Field(
        default=2000,
        ge=50,
        description=(
            "Characters of a document's text that the language identifier reads, half of them from its "
            "middle where it is long. 2,000 from the start were as accurate as the whole document."
        ),
    )


class DecideParams(RuleParams):
    """Thresholds. A change runs the decide stage again, over the stored scores."""

    model_config = ConfigDict(extra="forbid")

    drop_repeated_images: bool = Field(
        default=True,
        description="Take out an image that the same document has shown before (MINT-1T, OBELICS).",
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> DecideParams:
        for low, high in (
            ("min_words", "max_words"),
            ("min_side", "max_side"),
            ("min_images", "max_images"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} ({getattr(self, low)}) is above {high} ({getattr(self, high)}): "
                    "no document could pass"
                )
        return self


class FilterParams(BaseModel):
    """Parameters of both stages of the filter component."""

    model_config = ConfigDict(extra="forbid")

    annotate: AnnotateParams = Field(default_factory=AnnotateParams, description="what is scored")
    decide: DecideParams = Field(default_factory=DecideParams, description="the thresholds")
