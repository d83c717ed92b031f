"""Parameters of a release of captions."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from components.publish.params import CardParams, PublishParams


class CaptionCardParams(CardParams):
    """What a release of captions says of itself."""

    name: str = Field(
        default="kalemint-captions",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$",
        description="Short name of the dataset, as in an address.",
    )
    title: str = Field(
        default="Knowledge-augmented image captions", min_length=1, description="Title of the card."
    )


class CaptionReleaseParams(BaseModel):
    """How captions are released."""

    model_config = ConfigDict(extra="forbid")

    webdataset: bool = Field(
        default=False,
        description=(
            "Also write WebDataset tars: each image as it was found beside its caption and its row as JSON. "
            "BLIP3-KALE released addresses only."
        ),
    )
    card: CaptionCardParams = Field(
        default_factory=CaptionCardParams, description="what the data card of the captions says"
    )


class KalePublishParams(BaseModel):
    """Parameters of the publish family in the `kale` pipeline."""

    model_config = ConfigDict(extra="forbid")

    kale: CaptionReleaseParams = Field(
        default_factory=CaptionReleaseParams, description="the release of captions"
    )


class FullPublishParams(PublishParams):
    """Parameters of the publish family in the `full` pipeline: documents, and captions of their images."""

    kale: CaptionReleaseParams = Field(
        default_factory=CaptionReleaseParams, description="the release of captions"
    )
