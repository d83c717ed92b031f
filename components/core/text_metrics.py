"""How near one caption comes to another: pure functions over texts, each with its source.

All of them work on `tokens`: lower case words without punctuation. Scores are fractions of 1, but for
CIDEr-D, which is 0 to 10, as published. They compare words: a caption that says the same in other words
scores low.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from components.core.claims import content_words

ORDERS: Final = 4
"""Longest n-gram of BLEU and CIDEr (Papineni et al. 2002; Vedantam et al. 2015)."""
ROUGE_BETA: Final = 1.2
"""Weight of recall against precision in ROUGE-L, as in the COCO caption evaluation."""
CIDER_SIGMA: Final = 6.0
"""Words of difference in length that cost a factor of exp(-1/2) (CIDEr-D, section 5)."""
CIDER_SCALE: Final = 10.0

_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Han."""
WORD: Final = rf"\d+(?:[.,:/]\d+)+|[^\W_{_UNSPACED}]+"
"""A number with separators, or a run of letters and digits."""
_CLITIC: Final = r"(?:n't|'(?:s|m|d|re|ve|ll))(?!\w)"
"""What the Penn Treebank's tokenizer splits off a word."""
_ATTACHED: Final = re.compile(rf"(?<=\w){_CLITIC}")
_TOKEN: Final = re.compile(rf"[{_UNSPACED}]|{_CLITIC}|{WORD}")


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, after the Penn Treebank's rules, without punctuation.

    As `PTBTokenizer` of the COCO caption evaluation does: `don't` is `do n't`, `dog's` is `dog 's`, numbers
    keep the points inside them. Unlike it, hyphens part words, and every Han or kana sign is a word.
    """
    text = text.lower().replace("’", "'")
    return _TOKEN.findall(_ATTACHED.sub(r" \g<0>", text))


@dataclass(frozen=True, slots=True)
class Overlap:
    """Words in common: fractions of the prediction's words, of the reference's, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


def word_overlap(prediction: Sequence[str], reference: Sequence[str]) -> Overlap:
    """Precision, recall and F1 of bags of words (Rajpurkar et al. 2016, SQuAD); two empty texts agree."""
    if not prediction and not reference:
        return Overlap(1.0, 1.0, 1.0)
    common = (Counter(prediction) & Counter(reference)).total()
    if not common:
        return Overlap(0.0, 0.0, 0.0)
    precision, recall = common / len(prediction), common / len(reference)
    return Overlap(precision, recall, 2 * common / (len(prediction) + len(reference)))


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Its length, by the bit-parallel recurrence of Hyyrö (2004): a row of the table is one integer."""
    places: dict[str, int] = {}
    for number, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << number
    full = (1 << len(first)) - 1
    row = full
    for token in second:
        matched = row & places.get(token, 0)
        row = (row + matched | row - matched) & full
    return len(first) - row.bit_count()


def rouge_l(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """ROUGE-L (Lin 2004): F of the longest common subsequence, recall weighted by `ROUGE_BETA` squared."""
    if not prediction or not reference:
        return float(not prediction and not reference)
    common = longest_common_subsequence(prediction, reference)
    if not common:
        return 0.0
    precision, recall, beta = common / len(prediction), common / len(reference), ROUGE_BETA**2
    return (1 + beta) * precision * recall / (recall + beta * precision)


def ngrams(words: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    """How often every run of `order` words occurs."""
    return Counter(zip(*(words[start:] for start in range(order)), strict=False))


BLEU_WIDTH: Final = 2 * ORDERS + 2


def bleu_counts(prediction: Sequence[str], reference: Sequence[str]) -> list[int]:
    """What BLEU adds up over texts: matches and n-grams by order, words of both; `BLEU_WIDTH` numbers."""
    matches, possible = [], []
    for order in range(1, ORDERS + 1):
        found = ngrams(prediction, order)
        matches.append((found & ngrams(reference, order)).total())
        possible.append(found.total())
    return [*matches, *possible, len(prediction), len(reference)]


def bleu(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Corpus BLEU (Papineni et al. 2002) out of summed `bleu_counts`.

    An order without a match counts as half a match, a quarter for the next and so on: the "exp" smoothing of
    sacreBLEU (Post 2018; NIST's mteval-v13a). An order for which the texts are too short gives 0.

    Args:
        counts: shape (..., `BLEU_WIDTH`).

    Returns:
        Shape (...), 0 to 1.
    """
    matches, possible = counts[..., :ORDERS], counts[..., ORDERS : 2 * ORDERS]
    said, wanted = counts[..., -2], counts[..., -1]
    missing = matches == 0
    smoothed = np.where(missing, 0.5 ** np.cumsum(missing, axis=-1), matches)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.log(smoothed / possible).mean(axis=-1)
        brevity = np.where(said < wanted, 1 - wanted / said, 0.0)
        score = np.exp(precision + brevity)
    usable = (matches.sum(axis=-1) > 0) & (possible > 0).all(axis=-1)
    return np.where(usable, score, 0.0)


class Cider:
    """CIDEr-D (Vedantam, Zitnick and Parikh 2015, section 5), one reference a text.

    For n-grams of 1 to 4 words: the clipped cosine of tf-idf vectors, times a Gaussian of the difference in
    length, averaged over the orders, times 10. A word weighs the logarithm of how few references have it. A
    rare word thus counts for much; on few references the figure means little.

    Args:
        references: those of the whole evaluation, as tokens: the document frequencies come from them.
    """

    def __init__(self, references: Iterable[Sequence[str]]) -> None:
        self._frequency: Counter[tuple[str, ...]] = Counter()
        count = 0
        for words in references:
            count += 1
            for order in range(1, ORDERS + 1):
                self._frequency.update(ngrams(words, order).keys())
        self._log_count = math.log(count) if count else 0.0

    def _vectors(self, words: Sequence[str]) -> list[dict[tuple[str, ...], float]]:
        return [
            {
                gram: times * (self._log_count - math.log(max(1, self._frequency[gram])))
                for gram, times in ngrams(words, order).items()
            }
            for order in range(1, ORDERS + 1)
        ]

    def score(self, prediction: Sequence[str], reference: Sequence[str]) -> float:
        """CIDEr-D of one text, 0 to 10."""
        # lengths are counted in pairs of words, as the published code does: one word is as long as none
        difference = max(len(prediction) - 1, 0) - max(len(reference) - 1, 0)
        penalty = math.exp(-(difference**2) / (2 * CIDER_SIGMA**2))
        total = 0.0
        for found, wanted in zip(self._vectors(prediction), self._vectors(reference), strict=True):
            norms = _norm(found) * _norm(wanted)
            if norms:
                clipped = sum(
                    min(weight, wanted[gram]) * wanted[gram]
                    for gram, weight in found.items()
                    if gram in wanted
                )
                total += clipped / norms * penalty
        return CIDER_SCALE * total / ORDERS


def _norm(vector: Mapping[tuple[str, ...], float]) -> float:
    return math.sqrt(sum(weight**2 for weight in vector.values()))


def supported_share(claims: Sequence[str], others: Sequence[str], min_share: float) -> float | None:
    """The share of claims that one of the other caption's claims says, too, by their content words.

    Args:
        claims: of one caption (`components.core.claims.split_claims`).
        others: those of the caption that they are held against.
        min_share: share of a claim's content words that a single claim of the other caption must hold.

    Returns:
        None where no claim has a content word.
    """
    judged = [words for words in map(_content, claims) if words]
    if not judged:
        return None
    held = [_content(claim) for claim in others]
    fitting = sum(any(len(words & other) >= min_share * len(words) for other in held) for words in judged)
    return fitting / len(judged)


def _content(claim: str) -> frozenset[str]:
    return frozenset(content_words(claim))
