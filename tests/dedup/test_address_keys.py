import pyarrow as pa
import pytest

from components.dedup.address_keys import address_keys, canonical, string_keys


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.COM:80", "http://example.com/"),
        (" https://example.com:443/A?b=C#part ", "https://example.com/A?b=C"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("http://example.com?q", "http://example.com/?q"),
        ("http://example.com#top", "http://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("file:///tmp/page.html", None),
        ("example.com/a", None),
        ("http://", None),
        ("", None),
        (None, None),
    ],
)
def test_canonical(url: str | None, expected: str | None) -> None:
    assert canonical(pa.array([url], pa.string())).to_pylist() == [expected]


def test_keys_tell_addresses_apart_and_nulls_have_none() -> None:
    urls = [f"http://example.com/{n}" for n in range(2000)] + [None, "HTTP://example.com/7"]
    keys, present = address_keys(pa.chunked_array([urls[:5], urls[5:]], pa.string()))
    assert present.tolist() == [True] * 2000 + [False, True]
    assert len(set(keys[:2000].tolist())) == 2000
    assert keys[-1] == keys[7]


def test_every_byte_of_a_string_counts() -> None:
    text = "x" * 40
    others = [text[:at] + "y" + text[at + 1 :] for at in range(40)] + [text[:at] for at in range(1, 40)]
    assert len(set(string_keys(pa.array([text, *others])).tolist())) == 80
