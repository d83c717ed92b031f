from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.publish.card import build_card
from components.publish.describe import summarize, write_report
from components.publish.params import CardParams
from tests.publish import runs


def card(root: Path, **params: object) -> str:
    runs.make(root, **params)
    return build_card(*summarize(str(root)))


def test_the_front_matter_is_what_hubs_read(tmp_path: Path) -> None:
    about = CardParams(title="Pages: a test", license="CC-BY-4.0", license_url="https://e.org/by")
    text = card(tmp_path / "run", card=about.model_dump())
    _, front, body = text.split("---\n", 2)
    matter = yaml.safe_load(front)
    assert matter["pretty_name"] == "Pages: a test"
    assert matter["license"] == "cc-by-4.0"
    assert matter["language"] == ["en"]
    assert matter["size_categories"] == ["n<1K"]
    (files,) = matter["configs"][0]["data_files"]
    for pattern in files["path"]:
        assert list((tmp_path / "run" / "export").glob(pattern))
    assert body.startswith("\n# Pages: a test\n")


def test_numbers_thresholds_and_reasons_are_told(tmp_path: Path) -> None:
    text = card(tmp_path / "run")
    assert "| documents | 12 |" in text
    assert r"| decide | 14 documents | 12 | timeout: 1; too\_few\_words: 1 |" in text
    assert "| `min_words` | `50` |" in text
    consent = text[text.index("## Consent") :]
    assert "allowed 12" in consent
    assert "| `consent.respect_robots` | `True` |" in consent
    assert "12 of 24 images are given by reference only" in text
    assert "| CC BY" not in text
    assert "| https://creativecommons.org/licenses/by/4.0/ | 12 |" in text
    assert "`metadata.consent.noai`" in text


def test_tables_keep_their_shape_and_text_stays_text(tmp_path: Path) -> None:
    about = CardParams(title=runs.NASTY, description=runs.NASTY)
    text = card(tmp_path / "run", card=about.model_dump())
    body = text.split("---\n", 2)[2]
    prose = re.sub(r"`[^`\n]*`|```.*?```", "", body, flags=re.DOTALL)
    assert "&lt;script" in prose
    assert "<script" not in prose
    assert "[a](b)" not in prose
    width = 0
    for line in body.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (width and cells) or cells == width, line
        width = cells


@pytest.mark.parametrize("images_as", ["files", "tiff"])
def test_the_code_on_the_card_runs(tmp_path: Path, images_as: str) -> None:
    runs.make(tmp_path / "run", images_as=images_as)
    write_report(str(tmp_path / "run"))
    release = tmp_path / "run" / "export"
    blocks = re.findall(r"```python\n(.*?)```", (release / "README.md").read_text(), re.DOTALL)
    ours = [block for block in blocks if "datasets" not in block]
    assert len(ours) == 2
    outputs = []
    for block in ours:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=release, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert f"image: https://e.org/0.jpg {runs.PICTURES[0].id} 64 48" in outputs[0]
    assert outputs[1].count("bytes") == 12
