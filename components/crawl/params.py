"""Parameters of the crawl family's steps, composed of those of its parts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from components.crawl.find_pdfs import FindPdfsParams
from components.crawl.html.extractor import HtmlParams
from components.crawl.latex.params import LatexParams
from components.crawl.pdf.params import PdfParams
from components.crawl.sources import SourcesParams
from components.crawl.warc.reader import WarcParams
from components.crawl.web.file_params import FetchImagesParams, FetchPdfsParams
from components.crawl.web.params import FetchParams


class SandboxLimits(BaseModel):
    """What reading one page or one image may take; one that takes more costs one ledger line.

    The limits of PDF and LaTeX files are with their other parameters.
    """

    model_config = ConfigDict(extra="forbid")

    html_s: float = Field(default=30.0, gt=0, le=3600, description="seconds for one page")
    image_s: float = Field(default=20.0, gt=0, le=3600, description="seconds to decode one image")
    memory_bytes: int = Field(
        default=1 << 30,
        ge=64 << 20,
        le=1 << 40,
        description="bytes by which the process that reads pages or images may grow (Linux only)",
    )


class ExtractParams(BaseModel):
    """How sources become documents."""

    model_config = ConfigDict(extra="forbid")

    warc: WarcParams = Field(default_factory=WarcParams, description="reading of WARC files")
    html: HtmlParams = Field(default_factory=HtmlParams, description="reading of web pages")
    pdf: PdfParams = Field(default_factory=PdfParams, description="reading of PDF files")
    latex: LatexParams = Field(default_factory=LatexParams, description="reading of LaTeX archives")
    limits: SandboxLimits = Field(
        default_factory=SandboxLimits, description="time and memory for one page or image"
    )
    max_file_bytes: int = Field(
        default=64 << 20,
        ge=1 << 10,
        le=1 << 31,
        description="Largest file, other than a WARC file, that is read, in bytes. "
        "A parser's own limit may be lower.",
    )
    statuses: list[int] = Field(
        default=[200], description="HTTP statuses of captures that are documents; others are dropped"
    )


class CrawlParams(BaseModel):
    """Parameters of every step of the crawl family, by step."""

    model_config = ConfigDict(extra="forbid")

    sources: SourcesParams = Field(default_factory=SourcesParams, description="grouping of the inputs")
    fetch: FetchParams = Field(default_factory=FetchParams, description="fetching of web addresses")
    extract: ExtractParams = Field(default_factory=ExtractParams, description="extraction of documents")
    images: FetchImagesParams = Field(
        default_factory=FetchImagesParams, description="fetching of images that documents show"
    )
    find_pdfs: FindPdfsParams = Field(
        default_factory=FindPdfsParams, description="finding addresses of PDF files in WAT and WARC files"
    )
    pdfs: FetchPdfsParams = Field(
        default_factory=FetchPdfsParams, description="fetching of PDF files that were found"
    )
