"""The four kinds of error, as types, and what the runner does with each.

| type | the runner |
| --- | --- |
| `BadRecord` | writes one ledger line (`failed`) and goes on with the next record |
| `BadShard` | tries the shard again, then fails the shard |
| `RetryableError` | waits and tries again, then fails the shard |
| `ConfigurationError` | stops the run at once; the message says what to change |

`Drop` is no error: a stage raises it (or calls `Output.drop`) to say that a record was judged and
refused for a reason out of the component's closed list.
"""

from __future__ import annotations

from enum import StrEnum


class KalemintError(Exception):
    """Anything kalemint raises on purpose. The message is one clear sentence for a person."""


class BadRecord(KalemintError):
    """One record can't be processed: a ledger line, and the run goes on.

    Args:
        reason: a member of the component's closed enum of reasons.
        detail: one sentence that names what was wrong in this record.
    """

    def __init__(self, reason: StrEnum, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class Drop(KalemintError):
    """One record was judged and is not wanted. Carries the score and the threshold that decided."""

    def __init__(
        self,
        reason: StrEnum,
        detail: str = "",
        score: float | None = None,
        threshold: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.score = score
        self.threshold = threshold


class BadShard(KalemintError):
    """A whole shard can't be read or processed; retried, then counted as failed."""


class RetryableError(KalemintError):
    """A fault that may pass (network, throttling); the runner backs off and tries again."""


class ConfigurationError(KalemintError):
    """The run can't succeed as it is configured. The message says what to change."""


class BudgetExceeded(ConfigurationError):
    """More than the stated share of records failed: the run stops itself and says so."""


class GateFailed(ConfigurationError):
    """A model is not as good as it must be to go on: the pipeline stops and says by which figures."""
