"""Answers out of a closed list: at every step only tokens that can still become one of them.

The same rule as vLLM's structured outputs (every way to spell a choice counts, then the end of the
answer), so that both engines take the same choice with the same probability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from components.core.errors import ConfigurationError


class ChoiceTokens:
    """Which tokens may follow what has been written of a choice.

    Args:
        tokenizer: of transformers.
        choices: the answers wanted.
        ends: ids of the tokens that end an answer.

    Raises:
        ConfigurationError: for a choice that the tokenizer can't spell in whole characters.
    """

    def __init__(self, tokenizer: Any, choices: Sequence[str], ends: Sequence[int]) -> None:
        self._choices = tuple(choices)
        self._ends = list(ends)
        self._texts = _texts(tokenizer, choices)
        self._allowed: dict[str, list[int]] = {}
        self.max_tokens = max(map(len, choices)) + 1
        reached = {""}
        todo = [""]
        while todo:
            written = todo.pop()
            allowed = [
                token
                for token, text in self._texts.items()
                if any(choice.startswith(written + text) for choice in choices)
            ]
            for after in {written + self._texts[token] for token in allowed} - reached:
                reached.add(after)
                todo.append(after)
            self._allowed[written] = allowed + (self._ends if written in choices else [])
        missing = [choice for choice in choices if choice not in reached]
        if missing:
            raise ConfigurationError(
                f"The model's tokenizer has no tokens to spell the choice {missing[0]!r}."
            )

    def allowed(self, ids: Sequence[int]) -> list[int]:
        """Tokens that may follow these; the end alone where nothing may."""
        written = ""
        for token in ids:
            if token not in self._texts:
                return self._ends
            written += self._texts[token]
        return self._allowed.get(written) or self._ends

    def logits_processor(self, torch: Any, start: int) -> Callable[[Any, Any], Any]:
        """What `generate` calls with (ids so far, scores) of shape (rows, vocabulary) at every step.

        Args:
            start: tokens of the padded prompt.
        """

        def process(ids: Any, scores: Any) -> Any:
            kept = torch.full_like(scores, -torch.inf)
            for row, written in enumerate(ids[:, start:].tolist()):
                allowed = self.allowed(written)
                kept[row, allowed] = scores[row, allowed]
            return kept

        return process


def _texts(tokenizer: Any, choices: Sequence[str]) -> dict[int, str]:
    """Token to its text, for tokens that are part of a choice."""
    # behind another token, as some tokenizers drop a space that begins a text
    anchor = tokenizer.encode("a", add_special_tokens=False)[-1]
    before = tokenizer.decode([anchor], clean_up_tokenization_spaces=False)
    special = set(tokenizer.all_special_ids)
    ids = [token for token in range(len(tokenizer)) if token not in special]
    pairs = tokenizer.batch_decode([[anchor, token] for token in ids], clean_up_tokenization_spaces=False)
    texts = ((token, pair[len(before) :]) for token, pair in zip(ids, pairs, strict=True))
    return {token: text for token, text in texts if text and any(text in choice for choice in choices)}
