"""How reports and cards write numbers, shares, sizes, times and links."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def slug(text: str) -> str:
    """Text as a fragment identifier."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"


def number(value: float) -> str:
    """1234567 as 1,234,567; a fraction with up to three digits after the point."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 else f"{value:.2g}"
    return f"{int(value):,}"


def short(value: float) -> str:
    """1234567 as 1.2M: for ticks and tiles."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if unit == "k" else limit)
            return f"{scaled:.3g}{unit}" if scaled < 1000 else f"{scaled:,.0f}{unit}"
    return number(round(value, 1)) if value % 1 else number(value)


def tick(value: float) -> str:
    """An edge of a histogram in as few characters as tell it from its neighbours: 0.5, 1.4, 91, 5.8k."""
    if value >= 1000:
        return short(float(f"{value:.2g}")) if value >= 1e4 else f"{value / 1000:.3g}k"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def size(value: float) -> str:
    """Bytes in decimal units, such as 12.3 MB."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"


def percent(part: float, whole: float) -> str:
    """A share, such as 12.3 %; never rounded to 0 % or 100 % unless it is."""
    if not whole:
        return "-"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1 %"
    if 99.9 < share < 100:
        return ">99.9 %"
    return f"{share:.1f} %" if 0 < share < 100 else f"{share:.0f} %"


def duration(seconds: float) -> str:
    """Seconds for a person: 0.4 s, 2 min 5 s, 3 h 12 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def web_link(url: str) -> str:
    """The URL if it is safe to make it a link (http or https), else nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""
