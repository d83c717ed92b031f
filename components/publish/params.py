"""Parameters of the publish family."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DocumentSource = Literal["html", "pdf", "latex", "image"]


class PublishParams(BaseModel):
    """How documents are laid out when they are released."""

    model_config = ConfigDict(extra="forbid")

    images_as: Literal["files", "tiff"] = Field(
        default="files",
        description=(
            "Images of a WebDataset sample. files: the bytes as found, one member each; tiff: one "
            "multi-frame TIFF a document, as MINT-1T released its PDF and ArXiv parts (PAPERS 2.3)."
        ),
    )
    tar_sources: list[DocumentSource] = Field(
        default=["html", "pdf", "latex", "image"],
        description=(
            "Kinds of document that are also written as WebDataset samples with their images. MINT-1T did "
            "so for pdf and latex only and released HTML as URLs; URLs rot, so all is the default here."
        ),
    )
    captions: Literal["text", "metadata"] = Field(
        default="text",
        description=(
            "text: a figure's caption follows its image as an entry of `texts`, unless the neighbouring "
            "text says the same; metadata: it is found in `images_metadata` only."
        ),
    )
    join_texts: bool = Field(
        default=False,
        description="Join texts that have no image between them by a blank line, as OBELICS does.",
    )
