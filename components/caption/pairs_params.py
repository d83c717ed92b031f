"""Parameters of the steps from lists of pairs, or from documents, to `pairs`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PairSourcesParams(BaseModel):
    """How inputs of image-text pairs become units of work."""

    model_config = ConfigDict(extra="forbid")

    shard_bytes: int = Field(
        default=256 << 20,
        ge=1 << 10,
        le=1 << 40,
        description="Bytes of input in one unit of work: small tars and images are put together up to it, "
        "Parquet files are cut between row groups. A tar is never cut: img2dataset writes 10,000 images in "
        "each, 100 to 500 MB at 256 pixels a side. A process holds about four times a unit.",
    )
    shard_pairs: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="Most pairs in one unit of a table (CSV, TSV, JSONL) or of a folder of images.",
    )


class PairColumns(BaseModel):
    """What the columns of tables and Parquet files, and the fields of JSON files, are called.

    Of each list the first name that is there counts; upper and lower case are alike. `a.b` is the field
    `b` of a struct `a`.
    """

    model_config = ConfigDict(extra="forbid")

    image: list[str] = Field(
        default=["image", "jpg", "jpeg", "png", "webp", "img", "image_bytes", "bytes", "binary", "content"],
        description="Encoded images in a Parquet file: a binary column, or a struct with `bytes` and `path` "
        "as Hugging Face writes it.",
    )
    path: list[str] = Field(
        default=["file_name", "filename", "image_path", "filepath", "file_path", "path", "file", "image"],
        description="Location of the image file, relative to the file that names it (file_name: Hugging "
        "Face's imagefolder).",
    )
    alt: list[str] = Field(
        default=["alt_text", "alt", "alttext", "text", "txt"],
        description="The alternative text. Without one, what `caption` names takes its place.",
    )
    caption: list[str] = Field(
        default=["caption", "captions", "description"],
        description="A caption. img2dataset and DataComp call the alternative text so.",
    )
    title: list[str] = Field(default=["page_title", "title"], description="Title of the page.")
    url: list[str] = Field(default=["url", "image_url", "img_url"], description="Address of the image.")
    page_url: list[str] = Field(
        default=["page_url", "referrer", "parent_url", "source_url"], description="Address of the page."
    )


class ReadPairsParams(BaseModel):
    """How pairs are read and their images checked."""

    model_config = ConfigDict(extra="forbid")

    columns: PairColumns = Field(default_factory=PairColumns, description="names of columns and JSON fields")
    image_root: str | None = Field(
        default=None,
        description="Folder or prefix that the image paths of tables are relative to and must lie in; none: "
        "the folder of the table.",
    )
    max_image_bytes: int = Field(
        default=50 << 20, ge=1, le=(1 << 26) - 1, description="Bytes above which an image is dropped."
    )
    max_text_bytes: int = Field(
        default=1 << 20, ge=1 << 8, le=1 << 26, description="Bytes of a text or JSON that are read at most."
    )
    decode_s: float = Field(default=20.0, gt=0, le=3600, description="seconds to decode one image")
    memory_bytes: int = Field(
        default=1 << 30,
        ge=256 << 20,
        le=1 << 40,
        description="bytes by which the processes that decode images and Parquet may grow (Linux only)",
    )


class ContextsParams(BaseModel):
    """What is kept of the page around an image."""

    model_config = ConfigDict(extra="forbid")

    context_characters: int = Field(
        default=400,
        ge=0,
        le=10_000,
        description="Characters of the nearest text before and after an image, cut between words: about "
        "100 tokens each; 0: none.",
    )


class PairsParams(BaseModel):
    """Which images are captioned, by whom, and with which alternative text."""

    model_config = ConfigDict(extra="forbid")

    teacher_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the clusters of near-duplicates that the teacher captions; the student "
        "captions the rest. KALE: 100M of 218M images.",
    )
    audit_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of the clusters of the student's part that the teacher captions, too, to compare "
        "them.",
    )
    require_context: bool = Field(
        default=True,
        description="Drop images that no kept document or pair shows, such as those of filtered pages.",
    )
    require_alt: bool = Field(
        default=False,
        description="Drop images without an informative alternative text: there is no knowledge to add to "
        "their captions.",
    )
    min_alt_words: int = Field(
        default=1, ge=1, le=100, description="Words below which an alternative text is not used."
    )
    max_alt_characters: int = Field(
        default=500,
        ge=20,
        le=10_000,
        description="Characters at which an alternative text is cut, between words; longer ones come second. "
        "CapsFusion cuts its whole prompt at 256 tokens.",
    )
    max_alts: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Alternative texts of an image that are recorded, the most informative first.",
    )
    min_side: int = Field(
        default=32,
        ge=0,
        description="Pixels of the shorter side below which an image is dropped; 0: none is.",
    )
    max_aspect: float = Field(
        default=10.0,
        ge=0,
        description="Longer side over shorter above which an image is dropped; 0: none is.",
    )
    synthetic_images: Literal["flag", "drop"] = Field(
        default="flag",
        description="Images that declare to be synthetic (C2PA, IPTC, settings of a generator): flag keeps "
        "them with their scores, drop captions none of them.",
    )
    max_forged_probability: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Probability of being forged above which an image is dropped; null: none is. Only images "
        "have one about which the detectors of the step screen do not abstain.",
    )

    @model_validator(mode="after")
    def _has_a_limit_or_none(self) -> PairsParams:
        if 0 < self.max_aspect < 1:
            raise ValueError("max_aspect is the longer side over the shorter: 1 or more, or 0 for no limit")
        return self
