"""Limits, reasons and notes of the PDF reader."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from components.core.records import Note


class PdfReason(StrEnum):
    """Why a PDF was dropped or failed, or what of it was left out or altered (notes)."""

    TOO_LARGE = "pdf_too_large"
    TOO_MANY_PAGES = "pdf_too_many_pages"
    ENCRYPTED = "pdf_encrypted"
    NO_TEXT = "pdf_no_text"
    EMPTY = "pdf_empty"
    NOT_A_PDF = "not_a_pdf"
    MALFORMED = "pdf_malformed"
    NO_PAGES = "pdf_no_pages"
    REPAIRED = "pdf_repaired"
    PAGE_UNREADABLE = "page_unreadable"
    PAGE_WITHOUT_TEXT = "page_without_text"
    PAGE_TOO_COMPLEX = "page_too_complex"
    RUNNING_HEADER = "running_header"
    RUNNING_FOOTER = "running_footer"
    RUNNING_SIDEWAYS = "running_sideways"
    PAGE_NUMBER = "page_number"
    LINE_NUMBERS = "line_numbers"
    SLANTED_TEXT = "slanted_text"
    OVERPRINTED_TEXT = "overprinted_text"
    UNMAPPED_TEXT = "unmapped_text"
    FIGURE_LABELS = "figure_labels"
    FIGURE_PARTS = "figure_parts"
    IMAGE_LOST = "image_lost"
    IMAGE_TOO_SMALL = "image_too_small"
    TOO_MANY_IMAGES = "too_many_images"
    MASK_LEFT_OUT = "mask_left_out"


class PdfParams(BaseModel):
    """Limits of the PDF reader."""

    model_config = ConfigDict(extra="forbid")

    max_bytes: int = Field(
        default=50_000_000, ge=1, description="bytes; larger files are dropped (MINT-1T: 50 MB)"
    )
    max_pages: int = Field(default=50, ge=1, description="pages; longer files are dropped (MINT-1T)")
    timeout_s: float = Field(default=120, gt=0, description="seconds one file may take in the sandbox")
    memory_bytes: int = Field(
        default=1 << 30, ge=1 << 26, description="bytes one file may take in the sandbox"
    )
    min_image_side: int = Field(
        default=3, ge=1, description="pixels; images with a shorter side are rules and masks"
    )
    max_images: int = Field(
        default=500, ge=0, description="images of one document; further ones are left out"
    )
    max_objects: int = Field(
        default=100_000, ge=1, description="drawn objects of one page that are looked at"
    )
    max_characters: int = Field(
        default=200_000, ge=1, description="characters of one page; more is no text to read"
    )
    render_vector_figures: bool = Field(
        default=True, description="render figures drawn with paths and captioned 'Figure n' as PNG at 144 dpi"
    )


class Notes:
    """Counts what is left out; one note a kind, with the first example."""

    def __init__(self) -> None:
        self._found: dict[PdfReason, tuple[int, list[str]]] = {}

    def add(self, reason: PdfReason, detail: str, amount: int = 1) -> None:
        """One more thing left out, or `amount` of them; `detail` says where or what."""
        count, details = self._found.get(reason, (0, []))
        if len(details) < 3 and detail not in details:
            details.append(detail)
        self._found[reason] = (count + amount, details)

    def all(self) -> list[Note]:
        """Number and examples of each kind."""
        return [
            Note(str(reason), f"{count}: {'; '.join(details)}"[:500])
            for reason, (count, details) in sorted(self._found.items())
        ]
