from __future__ import annotations

import pytest

from components.core import report_formats as kit


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (kit.number(1234567), "1,234,567"), (kit.number(0.65), "0.65"), (kit.number(0.00012), "0.00012"),
        (kit.short(9999), "9,999"), (kit.short(22500), "22.5k"), (kit.short(3_120_000), "3.12M"),
        (kit.tick(5792.6), "5.79k"), (kit.tick(90.6), "91"), (kit.tick(1.41), "1.4"),
        (kit.tick(16384), "16k"),
        (kit.size(999), "999 B"), (kit.size(12_340_000), "12.3 MB"),
        (kit.percent(1, 3), "33.3 %"), (kit.percent(1, 10_000), "<0.1 %"),
        (kit.percent(9_999, 10_000), ">99.9 %"),
        (kit.percent(5, 5), "100 %"), (kit.percent(0, 5), "0 %"), (kit.percent(0, 0), "-"),
        (kit.duration(0.42), "0.4 s"), (kit.duration(125), "2 min 5 s"), (kit.duration(11520), "3 h 12 min"),
        (kit.web_link("https://e.org/a"), "https://e.org/a"), (kit.web_link("javascript:alert(1)"), ""),
        (kit.web_link("file:///etc/passwd"), ""), (kit.web_link("https://[bad"), ""),
        (kit.slug("Image & text, 2"), "image-text-2"),
    ],
)  # fmt: skip
def test_formats(value: str, shown: str) -> None:
    assert value == shown
