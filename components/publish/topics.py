"""Topics of a release by latent Dirichlet allocation, as MINT-1T analysed its parts (200 topics)."""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from components.core.errors import ConfigurationError

SAMPLE: Final = 4_000
"""Documents that the topics are found in."""
_CHARACTERS: Final = 20_000
_VOCABULARY: Final = 20_000
_WORDS_SHOWN: Final = 8
_PASSES: Final = 8


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its most telling words and the share of the text that is about it."""

    words: list[str]
    share: float


@dataclass(frozen=True, slots=True)
class Topics:
    """What a release is about.

    Attributes:
        documents: sampled.
        topics: the most frequent first.
        effective: exp of the entropy of the topics' shares: how many equally frequent topics would be
            as diverse.
        effective_by_source: the same within html, pdf, latex, image.
    """

    documents: int
    topics: list[Topic]
    effective: float
    effective_by_source: dict[str, float] = field(default_factory=dict)


class TopicSample:
    """Texts of the documents whose ids hash lowest: the same whatever the order of the shards."""

    def __init__(self, limit: int = SAMPLE) -> None:
        self._limit = limit
        self._heap: list[tuple[int, str, str]] = []

    def add(self, table: pa.Table) -> None:
        """Consider the rows of a table of `mint_documents/1`."""
        for batch in table.to_batches(max_chunksize=1024):
            for texts, metadata in zip(
                batch.column("texts").to_pylist(), batch.column("metadata").to_pylist(), strict=True
            ):
                rank = -int.from_bytes(hashlib.sha256(metadata["id"].encode()).digest()[:8], "big")
                if len(self._heap) == self._limit and rank <= self._heap[0][0]:
                    continue
                text = "\n".join(text for text in texts if text)[:_CHARACTERS]
                push = heapq.heappush if len(self._heap) < self._limit else heapq.heapreplace
                push(self._heap, (rank, metadata["source"], text))

    def topics(self, count: int) -> Topics | None:
        """Find topics; None where the sample holds too little text for any.

        Raises:
            ConfigurationError: where scikit-learn is not installed.
        """
        try:
            from sklearn.decomposition import LatentDirichletAllocation
            from sklearn.feature_extraction.text import CountVectorizer
        except ImportError:
            raise ConfigurationError(
                "publish.topics needs scikit-learn: pip install 'kalemint[topics]', or set publish.topics=0."
            ) from None

        ordered = sorted(self._heap, reverse=True)
        sources, texts = [s for _, s, _ in ordered], [t for _, _, t in ordered]
        vectorizer = CountVectorizer(
            stop_words="english",
            max_features=_VOCABULARY,
            min_df=min(3, max(1, len(texts) // 10)),
            max_df=0.8 if len(texts) > 10 else 1.0,
            token_pattern=r"(?u)\b[^\W\d_]{3,}\b",
        )
        try:
            words = vectorizer.fit_transform(texts)
        except ValueError:  # no word is left
            return None
        count = min(count, max(2, len(texts) // 5))
        model = LatentDirichletAllocation(
            n_components=count, max_iter=_PASSES, learning_method="online", random_state=0, n_jobs=1
        )
        weights = model.fit_transform(words) * np.asarray(words.sum(axis=1)).reshape(-1, 1)
        names = vectorizer.get_feature_names_out()
        shares = weights.sum(axis=0) / max(weights.sum(), 1e-12)
        found = [
            Topic(
                [str(names[w]) for w in np.argsort(-model.components_[t])[:_WORDS_SHOWN]],
                round(float(shares[t]), 6),
            )
            for t in np.argsort(-shares, kind="stable")
        ]
        by_source = {
            source: _effective(weights[[s == source for s in sources]].sum(axis=0))
            for source in sorted(set(sources))
        }
        return Topics(len(texts), found, _effective(shares), by_source)


def _effective(weights: np.ndarray) -> float:
    shares = weights[weights > 0] / max(weights.sum(), 1e-12)
    return round(float(np.exp(-(shares * np.log(shares)).sum())), 3)
