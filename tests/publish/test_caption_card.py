from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.publish.describe import write_report
from components.publish.kale_params import CaptionCardParams
from tests.publish import kale_runs


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("caption-card") / "run"
    about = CaptionCardParams(title="Scenes: a test", license="CC-BY-4.0", license_url="https://e.org/by")
    kale_runs.make(root, webdataset=True, card=about.model_dump(mode="json"))
    write_report(str(root))
    return root / "export_captions"


@pytest.fixture(scope="module")
def text(released: Path) -> str:
    return (released / "README.md").read_text()


def test_the_front_matter_is_what_hubs_read(text: str) -> None:
    matter = yaml.safe_load(text.split("---\n", 2)[1])
    assert matter["pretty_name"] == "Scenes: a test"
    assert (matter["license"], matter["license_link"]) == ("cc-by-4.0", "https://e.org/by")
    assert matter["size_categories"] == ["n<1K"]
    files = {c["config_name"]: c["data_files"][0]["path"] for c in matter["configs"]}
    assert files["core"] == ["data_core_set/*.parquet"]
    assert files["full"] == ["data_core_set/*.parquet", "data_distilled_set/*.parquet"]


@pytest.mark.parametrize(("configuration", "rows"), [("core", 24), ("full", 40)])
def test_datasets_loads_the_folder_by_configuration(
    released: Path, tmp_path: Path, configuration: str, rows: int
) -> None:
    from datasets import load_dataset

    found = load_dataset(str(released), configuration, split="train", cache_dir=str(tmp_path))
    assert found.num_rows == rows
    assert set(found["stage"][:]) == ({1} if configuration == "core" else {1, 2})
    assert found.column_names[:4] == ["url", "sha256", "caption", "cogvlm_caption"]
    streamed = load_dataset(str(released), configuration, split="train", streaming=True)
    assert [row["sha256"] for row in streamed] == found["sha256"][:]


def test_it_tells_how_the_captions_were_made(text: str) -> None:
    for said in (
        "| captioner | fused | 20 | `toys/teacher` | `0123abcd` | vllm 0.32.0 | dense-v1 (0011223344556677)",
        '`{"max_tokens": 128, "temperature": 0.0}`',
        "Judged by toys/judge",
        "| no source | contradicted | 4 | 7.8 % | 4 | 100 % |",
        r"| word\_f1 | 0.8123 | 0.78 to 0.84 | 0.6 | passed | 12 |",
        "The drift alarm went off in 1 of them.",
        r"looping\_output: 1",
        "mean 10.47 (BLIP3-KALE: 67.26)",
        "The captions are released under: CC-BY-4.0",
        "| `judge` | `vllm` |",
        "`claims[].verdict`",
    ):
        assert said in text
    assert "secret" not in text


def test_tables_keep_their_shape_and_text_stays_text(tmp_path: Path) -> None:
    about = CaptionCardParams(title=kale_runs.NASTY, description=kale_runs.NASTY)
    kale_runs.make(tmp_path / "run", card=about.model_dump(mode="json"))
    write_report(str(tmp_path / "run"))
    body = (tmp_path / "run/export_captions/README.md").read_text().split("---\n", 2)[2]
    prose = re.sub(r"`[^`\n]*`|```.*?```", "", body, flags=re.DOTALL)
    assert "&lt;script" in prose
    assert "<script" not in prose
    width = 0
    for line in body.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (width and cells) or cells == width, line
        width = cells
    assert "import webdataset" not in body


def test_the_code_on_the_card_runs(released: Path, text: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    blocks[0] = blocks[0].replace("kalemint-captions", str(released))  # as if it were on the hub
    assert len(blocks) == 3
    outputs = []
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=released, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HF_HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0].startswith("24 ")
    assert len(outputs[1].splitlines()) == 3
    assert len(outputs[2].splitlines()) == 40
