"""Scripts of the world, as far as counting and comparing words needs them."""

from __future__ import annotations

import re
from typing import Final

UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # Japanese kana and iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\U00020000-\U0003ffff]"  # Han, extensions
)
"""A character of a script that puts no spaces between words: it counts as a word of its own."""
