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


class BloomParams(BaseModel):
    """Bloom deduplication of lines and documents by their n-grams (BFF with DCLM's settings).

    The defaults are those of MINT-1T (13-grams, threshold 0.8, false positive rate 0.01). Its shortest
    n-gram is not published: 13 is DCLM's, whose code it used; 5 is the default of BFF itself.
    """

    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(default=False, description="Whether the step runs; without it nothing is dropped.")
    ngram: int = Field(default=13, ge=1, le=64, description="Tokens in an n-gram (MINT-1T, DCLM: 13).")
    min_ngram: int = Field(
        default=13,
        ge=1,
        le=64,
        description=(
            "A line with fewer tokens than an n-gram but at least so many is one n-gram by itself; one with "
            "fewer is always kept (DCLM: 13, so that only lines of 13 tokens and more are deduplicated; BFF: 5)."
        ),
    )
    threshold: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description=(
            "Drop a line, or a document, where more than this share of its n-grams was seen before "
            "(MINT-1T, DCLM: 0.8)."
        ),
    )
    false_positive_rate: float = Field(
        default=0.01,
        gt=1e-9,
        lt=0.5,
        description="Share of new n-grams that a full filter takes for seen ones (MINT-1T, DCLM: 0.01).",
    )
    filters: int = Field(
        default=1,
        ge=1,
        le=100_000,
        description=(
            "Filters, each for a run of consecutive shards and worked on by one process. Repetitions "
            "between the documents of two filters are not found (DCLM calls them shards)."
        ),
    )
    max_memory_bytes: int = Field(
        default=4 << 30,
        ge=1 << 16,
        description="Most memory of one filter, in bytes; about 1.27 bytes for each n-gram at a rate of 0.01.",
    )
    seed: int = Field(default=1, ge=0, lt=2**63, description="Chooses the hash function.")


class ImageDedupParams(BaseModel):
    """How images are made unique."""

    model_config = ConfigDict(extra="forbid")

    phash: bool = Field(
        default=True, description="Compute the 64-bit pHash and dHash of every image that is kept."
    )


class DedupFamilyParams(BaseModel):
    """Parameters of the dedup family's stages."""

    model_config = ConfigDict(extra="forbid")

    text: DedupParams = Field(default_factory=DedupParams, description="documents, by their text")
    bloom: BloomParams = Field(default_factory=BloomParams, description="lines, by their n-grams")
    images: ImageDedupParams = Field(default_factory=ImageDedupParams, description="images, by their bytes")
