"""Fixtures that several test folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The research corpora: real pages, papers and images that may not be redistributed.

    They are looked for where KALEMINT_CORPORA says, else in `../shared/corpora`; a test that needs
    them is skipped where they are absent.
    """
    folder = Path(os.environ.get("KALEMINT_CORPORA", REPOSITORY.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"no corpora at {folder}; set KALEMINT_CORPORA to their folder")
    return folder
