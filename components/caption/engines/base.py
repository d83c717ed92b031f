"""What every engine takes and gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from components.caption.reasons import CaptionReason
from components.core.errors import BadRecord
from components.core.prompts import Prompt
from components.core.rgb_images import rgb_image

Finish = Literal["stop", "length", "error"]

_DETAIL_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model.

    Attributes:
        user: the user's message; the image, if any, comes before it.
        system: the system message.
        image: an encoded image.
        choices: the only answers wanted, told apart by their text.
        max_tokens: tokens of the answer at most.
    """

    user: str
    system: str | None = None
    image: bytes | None = None
    choices: tuple[str, ...] | None = None
    max_tokens: int = 256

    @classmethod
    def of(cls, prompt: Prompt, image: bytes | None = None, /, **fields: str | None) -> Request:
        """What a prompt asks about one record.

        Args:
            image: its encoded image; not sent where the prompt wants none.
            fields: of the prompt's template.
        """
        return cls(
            user=prompt.render(**fields),
            system=prompt.system,
            image=image if prompt.image else None,
            choices=prompt.choices,
            max_tokens=prompt.max_tokens,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer, or why there is none.

    Attributes:
        text: the answer as the model gave it, special tokens left out; empty with an error.
        finish: `stop` where the model ended it, `length` where max_tokens or the context did.
        tokens_in: tokens of the prompt, those of the image included; 0 where unknown.
        tokens_out: tokens of the answer; 0 where unknown.
        probability: of an answer out of choices: the product of its tokens' probabilities, each among
            the tokens that lead to a choice (an endpoint that does not guide: among all tokens); null
            where the engine does not tell.
        error: a member of `CaptionReason`; null unless finish is `error`.
        detail: of an error, one sentence for a person.
    """

    text: str
    finish: Finish
    tokens_in: int = 0
    tokens_out: int = 0
    probability: float | None = None
    error: str | None = None
    detail: str = ""


def failed(reason: CaptionReason, detail: str) -> Completion:
    """The completion of a request that could not be answered."""
    return Completion("", "error", error=reason.value, detail=detail[:_DETAIL_CHARACTERS])


def answered(text: str, finish: Finish, **more: Any) -> Completion:
    """The completion of an answered request.

    A last character of which the token limit left a part is taken off (some engines show it as U+FFFD),
    and a probability is rounded to what batches do not change.
    """
    probability = more.pop("probability", None)
    return Completion(
        text.rstrip("\ufffd"),
        finish,
        probability=None if probability is None else round(min(1.0, probability), 4),
        **more,
    )


class Engine(ABC):
    """A model that answers requests. Not for use by two threads."""

    @abstractmethod
    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer all requests, in their order. A bad request costs itself only.

        Raises:
            ConfigurationError: where no request can ever succeed (no chat template, a wrong key).
            RetryableError: where the engine died or its endpoint is gone for longer than is waited.
        """

    @abstractmethod
    def identity(self) -> dict[str, str | None]:
        """Who answers: model, revision, engine, engine_version, sampling (of the struct `captioner`)."""

    @abstractmethod
    def close(self) -> None:
        """Release the model or the connections; may be called twice."""


def captioner(engine: Engine, prompt: Prompt) -> dict[str, str | None]:
    """The struct `captioner` of captions/1: who answered and what was asked."""
    return {**engine.identity(), "prompt": str(prompt), "prompt_digest": prompt.digest[:16]}


def request_image(request: Request, max_side: int | None) -> Any | Completion | None:
    """The picture of a request; a failed completion where it can't be decoded; None where it has none."""
    if request.image is None:
        return None
    try:
        return rgb_image(request.image, max_side)
    except BadRecord as error:
        return failed(CaptionReason.IMAGE_UNDECODABLE, f"{error.reason}: {error.detail}")


def messages(request: Request, image: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A request as a chat.

    Args:
        image: the content part that stands for its image.
    """
    chat: list[dict[str, Any]] = []
    if request.system:
        chat.append({"role": "system", "content": [{"type": "text", "text": request.system}]})
    parts = [] if image is None else [image]
    return [*chat, {"role": "user", "content": [*parts, {"type": "text", "text": request.user}]}]
