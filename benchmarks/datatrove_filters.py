"""The peer of filter_speed.py: datatrove's filters over a file of texts, in an environment of its own.

    python benchmarks/datatrove_filters.py TEXTS.jsonl [--rounds 1]

Every line of TEXTS.jsonl is a JSON string. Prints one JSON object: for each filter alone, the chain
FineWeb uses and C4 in full, `null` where a text passes or the reason why it does not; and the
processor seconds of the chain in every round, start-up and imports apart. It short-cuts as
datatrove does: a text that a filter drops is not shown to the next one.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils import text as datatrove_text


def judge(filters, text: str) -> tuple[str | None, str]:
    """The first reason why a filter drops the text, and what the text is after them."""
    document = Document(text=text, id="0")
    for step in filters:
        verdict = step.filter(document)
        passed, reason = verdict if isinstance(verdict, tuple) else (verdict, "")
        if not passed:
            return f"{step.__class__.__name__}: {reason}", document.text
    return None, document.text


def main() -> None:
    parser = argparse.ArgumentParser(description="datatrove's filters over texts.")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    texts = [json.loads(line) for line in arguments.texts.read_text().splitlines()]
    repetition, quality = GopherRepetitionFilter(), GopherQualityFilter()
    c4 = C4QualityFilter(filter_no_terminal_punct=False)
    fineweb = FineWebQualityFilter()
    sets = {
        "GopherRepetition": [repetition],
        "GopherQuality": [quality],
        "C4 without terminal punctuation": [c4],
        "C4": [C4QualityFilter()],
        "FineWebQuality": [fineweb],
        "chain": [repetition, quality, c4, fineweb],
    }
    judge(sets["chain"], "Loads the tokenizer. " * 30)
    seconds = []
    for _ in range(arguments.rounds):
        datatrove_text.split_into_parts.cache_clear()
        start = time.process_time()
        for text in texts:
            judge(sets["chain"], text)
        seconds.append(time.process_time() - start)
    results = {name: [judge(filters, text) for text in texts] for name, filters in sets.items()}
    print(
        json.dumps(
            {
                "seconds": seconds,
                "reasons": {name: [reason for reason, _ in found] for name, found in results.items()},
                "texts": {name: [text for _, text in found] for name, found in results.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
