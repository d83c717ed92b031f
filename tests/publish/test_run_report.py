from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import PIL.Image as PilImage
import pytest

from components.core import report as kit
from components.publish.describe import summarize
from components.publish.pictures import IMAGE_BUDGET
from components.publish.run_report import build_report
from components.publish.summary import DatasetSummary, RunSummary, StepSummary
from tests.core.test_report import parsed
from tests.publish import runs, samples


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    root = tmp_path_factory.mktemp("report") / "run"
    runs.make(root)
    return summarize(str(root))[0]


def test_the_report_is_whole_escaped_and_repeatable(run: RunSummary) -> None:
    page = build_report(run)
    structure = parsed(page)
    assert "script" not in structure.tags
    assert not any(name.startswith("on") for name, _ in structure.attributes)
    assert page == build_report(run)
    assert run.digest in page


@pytest.mark.parametrize(
    "said",
    [
        "<strong>12</strong> <span class=\"of\">of 14 documents</span>",
        "−1 dropped", "−1 failed", "too_few_words", "took too long", "image_bytes_missing",
        "decide/decided", "mint_documents/1", "export/release", "min_words", "site1.example",
        "CC BY 4.0", "Words per document", "Image width", "Heading of", "Image not fetched: https://e.org/gone",
        "consent.respect_robots",
    ],
)  # fmt: skip
def test_it_tells_what_happened(run: RunSummary, said: str) -> None:
    assert said in build_report(run)


def test_documents_show_their_pictures_in_place(run: RunSummary) -> None:
    page = build_report(run)
    article = page[page.index('<details class="article" open>') :]
    article = article[: article.index("</details>")]
    places = [
        article.index(part)
        for part in ("Heading of", "Some words", '<figure><img src="data:image/webp', "After the")
    ]
    assert places == sorted(places)
    assert page.count('<details class="article"') == 10


def test_an_empty_run_has_a_report() -> None:
    page = build_report(RunSummary("Nothing", [StepSummary("sources")]))
    parsed(page)
    assert "Nothing" in page
    assert "Distributions" not in page


def test_the_file_stays_under_five_megabytes() -> None:
    noise = np.random.default_rng(0)
    images, items = {}, []
    for _ in range(6):
        buffer = io.BytesIO()
        PilImage.fromarray(noise.integers(0, 255, (340, 340, 3), np.uint8)).save(
            buffer, "PNG", compress_level=0
        )
        record = samples.image_record(buffer.getvalue())
        images[record.id] = record.bytes
        items += [samples.shown(record), samples.text("many words " * 2000)]
    table = samples.documents_table([samples.document(n, items * 4) for n in range(10)])
    page = build_report(RunSummary("Large", [], samples=table, images=images))
    assert IMAGE_BUDGET / 2 < len(page) < 5_000_000
    assert "Image not shown here" in page


def test_datasets_from_outside_the_run_need_no_box() -> None:
    dataset = DatasetSummary("a/b", "documents/1", 3, parents=["f" * 64])
    page = build_report(RunSummary("x", [StepSummary("a", datasets=[dataset])]))
    assert 'class="edge"' not in page
    assert "a/b" in page


@pytest.mark.corpora
def test_real_photographs_are_shown(corpora: Path) -> None:
    paths = sorted((corpora / "images").glob("*.jpg"))[:5]
    thumbnails = [kit.thumbnail(path.read_bytes()) for path in paths]
    assert all(t and max(t.width or 0, t.height or 0) <= kit.THUMBNAIL_SIDE for t in thumbnails)
    assert all(len(t.src) < 60_000 for t in thumbnails if t)
    assert os.fspath(paths[0]).endswith(".jpg")


def test_steps_that_were_not_wanted_are_one_line_and_no_bar() -> None:
    steps = [
        StepSummary("decide", rows_in=5, kept=5),
        StepSummary("bloom", skipped="dedup.bloom.enabled is false"),
    ]
    page = build_report(RunSummary("x", steps))
    assert "Not run: bloom (dedup.bloom.enabled is false)." in page
    assert page.count(">bloom<") == 0
    assert "Not run" not in build_report(RunSummary("x", steps[:1]))
