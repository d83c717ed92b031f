"""Values worked out by hand, and those that the field's own programs gave for the same words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.text_metrics import (
    CIDER_SCALE,
    Cider,
    bleu,
    bleu_counts,
    longest_common_subsequence,
    ngrams,
    rouge_l,
    supported_share,
    tokens,
    word_overlap,
)

# prediction, reference, CIDEr-D and ROUGE-L by pycocoevalcap 1.2 (Cider and Rouge given these words)
RECORDED = [
    (
        "a blue square and a yellow square named dotalwen",
        "a yellow square and a blue square named dotalwen",
        6.428571429,
        0.777777778,
    ),
    (
        "the golden gate bridge spans the bay under a cloudy sky",
        "the golden gate bridge in san francisco spans the bay beneath a cloudy grey sky",
        3.268935627,
        0.748466258,
    ),
    (
        "two dogs run across the green grass in a park",
        "two brown dogs are running across the grass of a park",
        2.118490118,
        0.660990712,
    ),
    ("a man", "a man holds a red umbrella in the rain on a busy street", 0.311194113, 0.235521236),
    (
        "a plate of pasta with tomato sauce and basil on a wooden table",
        "a plate of pasta with tomato sauce and basil on a wooden table",
        10.0,
        1.0,
    ),
    ("sunset", "a steam train crosses a viaduct in the mountains", 0.0, 0.0),
]
SACREBLEU = 0.3477854794197861
"""sacreBLEU 2.6.0, corpus_bleu(tokenize="none", smooth_method="exp") / 100, of the same six."""
SACREBLEU_EACH = [0.467137978, 0.269905395, 0.123515776, 0.0, 1.0, 0.0]

PAIRS = [(prediction.split(), reference.split()) for prediction, reference, *_ in RECORDED]
WORDS = st.lists(st.sampled_from("abcdefg"), max_size=12)


def split(text: str) -> list[str]:
    return text.split()


def corpus_bleu(pairs: list[tuple[list[str], list[str]]]) -> float:
    return float(bleu(np.array([bleu_counts(*pair) for pair in pairs], np.float64).sum(axis=0)))


def test_tokens_are_lower_case_without_punctuation_clitics_apart() -> None:
    text = "Don't go: the dog’s 1,200.5 balls—50% off, 东京! O'Neill's rock-n-roll; we're in it."
    assert tokens(text) == [
        "do", "n't", "go", "the", "dog", "'s", "1,200.5", "balls", "50", "off", "东", "京", "o", "neill",
        "'s", "rock", "n", "roll", "we", "'re", "in", "it",
    ]  # fmt: skip
    assert tokens("") == tokens("... !") == []


def test_word_overlap_counts_every_word_as_often_as_both_have_it() -> None:
    found = word_overlap(split("a red ball a red box"), split("a red ball and a net"))
    # in common: a, a, red, ball; six words each
    assert (found.precision, found.recall) == (4 / 6, 4 / 6)
    assert found.f1 == pytest.approx(4 / 6)
    short = word_overlap(["ball"], split("a red ball"))
    assert (short.precision, short.recall, short.f1) == (1.0, 1 / 3, pytest.approx(0.5))
    assert word_overlap([], ["ball"]).f1 == 0
    assert word_overlap([], []).f1 == 1


def test_rouge_l_by_hand() -> None:
    # police killed the gunman / police kill the gunman (Lin 2004): 3 of 4 words in order
    assert rouge_l(split("police kill the gunman"), split("police killed the gunman")) == pytest.approx(0.75)
    # 2 of 2 against 2 of 4: P 1, R 1/2, beta^2 1.44
    assert rouge_l(["the", "gunman"], split("police killed the gunman")) == pytest.approx(
        2.44 * 0.5 / (0.5 + 1.44)
    )
    assert rouge_l([], ["a"]) == 0


@pytest.mark.parametrize(("prediction", "reference", "cider", "rouge"), RECORDED)
def test_cider_and_rouge_are_those_of_the_coco_evaluation(
    prediction: str, reference: str, cider: float, rouge: float
) -> None:
    scorer = Cider([words for _, words in PAIRS])
    assert scorer.score(prediction.split(), reference.split()) == pytest.approx(cider, abs=1e-8)
    assert rouge_l(prediction.split(), reference.split()) == pytest.approx(rouge, abs=1e-8)


def test_cider_by_hand() -> None:
    # two references; "cat" and "sat" occur in one each, "a" in both: it weighs log(2 / 2) = 0
    scorer = Cider([["a", "cat"], ["a", "sat"]])
    # words: cat, log 2, on both sides; pairs: (a, cat), log 2; no longer runs: (1 + 1 + 0 + 0) / 4 * 10
    assert scorer.score(["a", "cat"], ["a", "cat"]) == pytest.approx(5)
    # words as before; no pair in common; one word (0 pairs) against two (1 pair): exp(-1 / 72)
    assert scorer.score(["cat"], ["a", "cat"]) == pytest.approx(2.5 * np.exp(-1 / 72))
    # twice the word weighs 2 log 2 and counts as log 2: (log 2)^2 / (2 log 2 * log 2) = 1/2
    assert scorer.score(["cat", "cat"], ["a", "cat"]) == pytest.approx(10 * 0.5 / 4)
    assert Cider([["a"]]).score(["a"], ["a"]) == 0  # log 1: one reference tells no word from another


def test_bleu_is_that_of_sacrebleu() -> None:
    assert corpus_bleu(PAIRS) == pytest.approx(SACREBLEU, abs=1e-9)
    each = bleu(np.array([bleu_counts(*pair) for pair in PAIRS], np.float64))
    assert each.tolist() == pytest.approx(SACREBLEU_EACH, abs=1e-8)


def test_bleu_by_hand() -> None:
    # one word too few: precisions 1, brevity exp(1 - 5 / 4)
    pair = (split("a b c d"), split("a b c d e"))
    assert corpus_bleu([pair]) == pytest.approx(np.exp(-0.25))
    # 3/4, 1/3, no triple (half of one in two), no four (a quarter of one in one)
    pair = (split("a b x d"), split("a b c d"))
    assert corpus_bleu([pair]) == pytest.approx((3 / 4 * 1 / 3 * 0.5 / 2 * 0.25 / 1) ** 0.25)
    assert corpus_bleu([(["a"], ["a"])]) == 0  # no run of four words
    assert corpus_bleu([([], ["a"])]) == 0


def test_claims_are_supported_by_one_claim_of_the_other_caption() -> None:
    wanted = ["A blue square", "a yellow circle", "named Dotalwen"]
    assert supported_share(["a yellow circle", "a blue square"], wanted, 0.75) == 1
    # every word is there, but in no single claim
    assert supported_share(["a yellow square", "named Dotalwen"], wanted, 0.75) == 0.5
    assert supported_share(["a yellow square"], wanted, 0.5) == 1
    assert supported_share(["of the"], wanted, 0.75) is None
    assert supported_share(["a red ball"], [], 0.75) == 0


@given(WORDS, WORDS)
def test_longest_common_subsequence_is_that_of_the_table(first: list[str], second: list[str]) -> None:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, one in enumerate(first, start=1):
        for j, other in enumerate(second, start=1):
            both = table[i - 1][j - 1] + 1
            table[i][j] = both if one == other else max(table[i - 1][j], table[i][j - 1])
    assert longest_common_subsequence(first, second) == table[-1][-1]


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6))
def test_bounds(pairs: list[tuple[list[str], list[str]]]) -> None:
    scorer = Cider([reference for _, reference in pairs])
    for prediction, reference in pairs:
        found = word_overlap(prediction, reference)
        assert 0 <= rouge_l(prediction, reference) <= 1
        assert 0 <= found.f1 <= 1
        assert min(found.precision, found.recall) <= found.f1 + 1e-12
        assert found.f1 <= max(found.precision, found.recall) + 1e-12
        assert 0 <= scorer.score(prediction, reference) <= CIDER_SCALE + 1e-9
        assert scorer.score(prediction, reference) <= scorer.score(reference, reference) + 1e-9
    assert 0 <= corpus_bleu(pairs) <= 1 + 1e-12


@given(WORDS)
def test_a_text_agrees_with_itself(words: list[str]) -> None:
    assert word_overlap(words, words).f1 == 1
    assert rouge_l(words, words) == pytest.approx(1)
    assert sum(ngrams(words, 2).values()) == max(len(words) - 1, 0)
    if len(words) >= 4:
        assert corpus_bleu([(words, words)]) == pytest.approx(1)
