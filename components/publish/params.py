"""Parameters of the publish family."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DocumentSource = Literal["html", "pdf", "latex", "image"]


class CardParams(BaseModel):
    """What a release says of itself, in its data card and its Croissant metadata."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        default="kalemint-dataset",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$",
        description="Short name of the dataset, as in an address.",
    )
    title: str = Field(default="An interleaved image-text dataset", min_length=1, description="Title.")
    description: str = Field(
        default="", description="One or two sentences; empty: one is made of the counts."
    )
    license: str = Field(
        default="other",
        min_length=1,
        description=(
            "SPDX identifier of the licence of the compilation, or other. Texts and images keep the "
            "licences of their publishers."
        ),
    )
    license_url: str = Field(default="", description="Address of that licence's text; empty: none is given.")
    url: str = Field(default="", description="Address where the dataset is published; empty: not published.")
    creator: str = Field(default="", description="Who publishes it; empty: not stated.")
    citation: str = Field(default="", description="How to cite it; empty: its title and version.")
    version: str = Field(default="1.0.0", pattern=r"^\d+\.\d+\.\d+$", description="Version, semantic.")
    published: date | None = Field(
        default=None,
        description="Date of publication. Never filled in by the clock: the same run gives the same card.",
    )


class PublishParams(BaseModel):
    """How documents are laid out when they are released."""

    model_config = ConfigDict(extra="forbid")

    images_as: Literal["files", "tiff"] = Field(
        default="files",
        description=(
            "Images of a WebDataset sample. files: the bytes as found, one member each; tiff: one "
            "multi-frame TIFF a document, as MINT-1T released its PDF and ArXiv parts."
        ),
    )
    tar_sources: list[DocumentSource] = Field(
        default=["html", "pdf", "latex", "image"],
        description=(
            "Kinds of document that are also written as WebDataset samples with their images. MINT-1T did "
            "so for pdf and latex only and released HTML as URLs; URLs rot, so all is the default here."
        ),
    )
    item_rows: bool = Field(
        default=False,
        description=(
            "Also write a row an item with the images' bytes, as NeMo Curator's interleaved tables: one "
            "Parquet file a shard. It repeats every text and image."
        ),
    )
    tokenizer: str = Field(
        default="",
        description=(
            "Path or URI of a tokenizer.json (tokenizers library) to count tokens with; empty: none are "
            "counted. MINT-1T counted with that of the model it trained."
        ),
    )
    topics: int = Field(
        default=0,
        ge=0,
        le=1000,
        description=(
            "Topics (LDA) to describe the release by; 0: none. MINT-1T's analysis used 200. Needs the extra "
            "`topics`."
        ),
    )
    captions: Literal["text", "metadata"] = Field(
        default="text",
        description=(
            "text: a figure's caption follows its image as an entry of `texts`, unless the neighbouring "
            "text says the same; metadata: it is found in `images_metadata` only."
        ),
    )
    card: CardParams = Field(default_factory=CardParams, description="what the data card says")
    join_texts: bool = Field(
        default=False,
        description="Join texts that have no image between them by a blank line, as OBELICS does.",
    )
