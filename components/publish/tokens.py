"""Count tokens with a tokenizer of the user's choice (a `tokenizer.json` of the `tokenizers` library)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.core.errors import ConfigurationError
from components.core.store import Stores, as_uri


class TokenCounter:
    """Counts the tokens of texts, without those that mark a beginning or an end.

    Args:
        location: path or URI of a `tokenizer.json`.
        stores: opens it.

    Raises:
        ConfigurationError: where there is no such file, or it is no tokenizer.
    """

    def __init__(self, location: str, stores: Stores) -> None:
        from tokenizers import Tokenizer

        uri = as_uri(location)
        try:
            self._tokenizer: Any = Tokenizer.from_str(stores.read(uri).decode())
        except FileNotFoundError:
            raise ConfigurationError(f"publish.tokenizer: there is no file {location}.") from None
        except Exception as error:  # noqa: BLE001 - the library raises a bare Exception for any bad file
            raise ConfigurationError(
                f"publish.tokenizer: {location} is no tokenizer.json of the tokenizers library: {error}"
            ) from None

    def count(self, texts: Sequence[str]) -> int:
        """Tokens of all texts together."""
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return sum(len(one.ids) for one in encoded)
