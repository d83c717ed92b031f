"""Parameters of the dedup family."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DedupParams(BaseModel):
    """How texts are compared: the whole text, and MinHash over word n-grams.

    With b bands of r rows, two documents whose sets of shingles have Jaccard similarity s share a
    band with probability 1 - (1 - s^r)^b: 0.92 at s = 0.8 and 0.05 at s = 0.5 with the defaults.
    """

    model_config = ConfigDict(extra="forbid")

    exact: bool = Field(default=True, description="Drop documents with the same text as an earlier one.")
    near: bool = Field(default=True, description="Drop near-duplicates of an earlier document.")
    shingle: int = Field(default=5, ge=1, le=64, description="Words in an n-gram (FineWeb: 5).")
    bands: int = Field(default=14, ge=1, le=1024, description="Bands, also called buckets (FineWeb: 14).")
    rows: int = Field(default=8, ge=1, le=256, description="MinHash values in a band (FineWeb: 8).")
    seed: int = Field(
        default=1, ge=0, lt=2**63, description="Chooses the hash functions. Keys of two seeds never match."
    )
    partitions: int = Field(
        default=16,
        ge=1,
        le=100_000,
        description=(
            "Parts that the keys are spread over, each matched by itself. A part should fit in a "
            "worker's memory: a document has bands + 1 keys of about 100 bytes."
        ),
    )

    @model_validator(mode="after")
    def _does_something(self) -> DedupParams:
        if not (self.exact or self.near):
            raise ValueError("exact and near are both off: leave the dedup step out instead")
        return self


class ImageDedupParams(BaseModel):
    """How images are made unique."""

    model_config = ConfigDict(extra="forbid")

    phash: bool = Field(
        default=True, description="Compute the 64-bit perceptual hash of every image that is kept."
    )


class DedupFamilyParams(BaseModel):
    """Parameters of the dedup family's stages."""

    model_config = ConfigDict(extra="forbid")

    text: DedupParams = Field(default_factory=DedupParams, description="documents, by their text")
    images: ImageDedupParams = Field(default_factory=ImageDedupParams, description="images, by their bytes")
