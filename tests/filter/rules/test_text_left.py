from components.filter.rules.text_left import text_left
from tests.filter.samples import judged, text_facts


def test_a_document_that_lost_all_its_lines_is_dropped() -> None:
    seen = text_facts("one line\ntwo lines", "three", "")
    seen.lines.left[:2] = False
    assert judged(text_left, seen, None) == ["no_text_left", None, None]
