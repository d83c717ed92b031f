"""Parameters of the LaTeX reader, apart from it: a configuration is read without its libraries."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

_MIB: Final = 1 << 20


class ArchiveParams(BaseModel):
    """Bounds on one source archive. ArXiv accepted submissions of up to 50 MB as of 2024."""

    model_config = ConfigDict(extra="forbid")

    max_archive_bytes: int = Field(
        default=100 * _MIB, ge=1, description="largest payload that is opened, bytes; larger ones fail"
    )
    max_members: int = Field(default=5_000, ge=1, description="most members of an archive")
    max_member_bytes: int = Field(
        default=64 * _MIB, ge=1, description="largest unpacked member that is read, bytes"
    )
    max_total_bytes: int = Field(default=300 * _MIB, ge=1, description="most unpacked bytes of one archive")
    max_ratio: float = Field(
        default=250.0, gt=1, description="unpacked over packed bytes beyond which, above 32 MiB, it is a bomb"
    )


class FigureParams(BaseModel):
    """How figures are found and rendered."""

    model_config = ConfigDict(extra="forbid")

    figure_dpi: int = Field(
        default=144, ge=18, le=600, description="pixels per inch of rendered PDF and PostScript"
    )
    max_figure_pixels: int = Field(
        default=16_000_000,
        ge=10_000,
        description="most pixels of a rendered figure; a larger one gets fewer dpi",
    )
    max_figures: int = Field(default=300, ge=0, description="most figure files of one paper that are read")
    ghostscript_timeout_s: float = Field(
        default=20.0, gt=0, description="seconds one PostScript figure may take"
    )


class LatexParams(ArchiveParams, FigureParams):
    """Parameters of `extract_latex`.

    `timeout_s` and `memory_bytes` are for the caller's `Sandbox`; everything else bounds the extractor
    itself. MINT-1T gives no numbers for its ArXiv part; these are ours.
    """

    timeout_s: float = Field(default=120.0, gt=0, description="seconds one paper may take, figures included")
    memory_bytes: int = Field(default=4 << 30, ge=1 << 28, description="memory one paper may take, bytes")
    max_tokens: int = Field(
        default=4_000_000,
        ge=1_000,
        description="tokens read, scanned and expanded; beyond it the paper fails",
    )
    max_tex_bytes: int = Field(default=16 << 20, ge=1_000, description="largest TeX file that is read, bytes")
