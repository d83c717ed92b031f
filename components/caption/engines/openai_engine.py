"""Any OpenAI-compatible endpoint: bounded concurrency, back-off, and answers that nobody trusts.

Images are sent as PNG data URIs of the pixels that the other engines see.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import math
import os
import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from components import __version__
from components.caption.engines.base import (
    Completion,
    Engine,
    Finish,
    Request,
    answered,
    failed,
    messages,
    request_image,
)
from components.caption.engines.model_identity import identity
from components.caption.engines.params import EngineParams
from components.caption.reasons import CaptionReason
from components.core.errors import ConfigurationError, RetryableError

_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_MAX_BODY: Final = 4 * 2**20
"""Bytes of a response that are read at most; an answer of 32,768 tokens has a twentieth of it."""
_FREE_TOKENS: Final = 16
"""Tokens for an answer out of choices where the endpoint does not guide: it may say "Answer: yes."."""


class _PassingError(Exception):
    """An attempt failed in a way that another may not."""

    def __init__(self, reason: CaptionReason, detail: str, wait_s: float | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.wait_s = wait_s


class _RefusedError(Exception):
    """The endpoint will not answer this request, however often it is asked."""


class OpenAIEngine(Engine):
    """A model behind POST {base_url}/chat/completions.

    Args:
        params: of the engine.

    Raises:
        ConfigurationError: where the key can't be read or can't be a key.
    """

    def __init__(self, params: EngineParams) -> None:
        assert params.base_url is not None
        self._params = params
        self._url = params.base_url.rstrip("/")
        self._key = read_key(params.api_key_variable)
        self._guides = True
        self._identity: dict[str, str | None] | None = None
        self._lost = 0
        self._succeeded = 0

    def identity(self) -> dict[str, str | None]:
        if self._identity is None:
            self._identity = identity(self._params, asyncio.run(self._version()))
        return dict(self._identity)

    def close(self) -> None:
        """Connections live as long as one call of `generate`: there is nothing to release."""

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        return asyncio.run(self._generate(requests))

    async def _generate(self, requests: Sequence[Request]) -> list[Completion]:
        done: list[Completion | None] = [None] * len(requests)
        todo = iter(range(len(requests)))
        self._lost = self._succeeded = 0
        async with self._session() as session:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self._params.concurrency, len(requests))):
                        group.create_task(self._work(session, requests, todo, done))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
        completions = [completion for completion in done if completion is not None]
        if self._lost and not self._succeeded:
            raise RetryableError(self._gone(completions[-1].detail))
        return completions

    async def _work(
        self,
        session: aiohttp.ClientSession,
        requests: Sequence[Request],
        todo: Iterator[int],
        done: list[Completion | None],
    ) -> None:
        for number in todo:
            done[number] = await self._answer(session, requests[number], number)

    async def _answer(self, session: aiohttp.ClientSession, request: Request, number: int) -> Completion:
        part = None
        if request.image is not None:
            encoded = await asyncio.to_thread(_data_uri, request, self._params.max_side)
            if isinstance(encoded, Completion):
                return encoded
            part = {"type": "image_url", "image_url": {"url": encoded}}
        chat = messages(request, part)
        if part is None:  # plain strings are what every endpoint takes
            chat = [{**one, "content": one["content"][0]["text"]} for one in chat]
        if request.choices and self._guides:
            try:
                return await self._ask(session, request, self._body(chat, request, guided=True), number)
            except _RefusedError as error:
                if _too_long(str(error)):
                    return failed(CaptionReason.PROMPT_TOO_LONG, str(error))
        try:
            completion = await self._ask(session, request, self._body(chat, request, guided=False), number)
        except _RefusedError as error:
            reason = CaptionReason.PROMPT_TOO_LONG if _too_long(str(error)) else CaptionReason.ENGINE_REFUSED
            return failed(reason, str(error))
        if request.choices and completion.error is None:  # it refused the guidance, not the request
            self._guides = False
        return completion

    def _body(self, chat: list[dict[str, Any]], request: Request, *, guided: bool) -> dict[str, Any]:
        params = self._params
        body: dict[str, Any] = {
            "model": params.model,
            "messages": chat,
            "max_tokens": request.max_tokens,
            "temperature": params.temperature,
            "top_p": params.top_p,
            "seed": params.seed,
        }
        if params.repetition_penalty != 1:
            body["repetition_penalty"] = params.repetition_penalty
        if params.chat_template_options:
            body["chat_template_kwargs"] = params.chat_template_options
        if request.choices and guided:
            body["structured_outputs"] = {"choice": list(request.choices)}
            body["logprobs"] = True
            body["max_tokens"] = max(len(choice.encode()) for choice in request.choices) + 1
        elif request.choices:
            body["max_tokens"] = max(request.max_tokens, _FREE_TOKENS)
        return body

    async def _ask(
        self, session: aiohttp.ClientSession, request: Request, body: dict[str, Any], number: int
    ) -> Completion:
        """Send a request until it is answered, refused, or has been sent often enough."""
        attempt = 1
        while True:
            try:
                completion = self._completion(await self._post(session, body), request)
            except _PassingError as error:
                if attempt >= self._params.attempts:
                    return self._lose(error)
                wait_s = self._params.backoff_s * 2 ** (attempt - 1)
                wait_s *= random.Random(f"{number}/{attempt}").uniform(0.5, 1)  # not all at the same moment
                wait_s = max(wait_s, error.wait_s or 0)
                await asyncio.sleep(min(wait_s, self._params.max_backoff_s))
                attempt += 1
            else:
                self._lost = 0
                self._succeeded += 1
                return completion

    def _lose(self, error: _PassingError) -> Completion:
        self._lost += 1
        if self._lost >= 2 * self._params.concurrency:
            raise RetryableError(self._gone(error.detail))
        return failed(error.reason, f"{error.detail} (attempt {self._params.attempts})")

    def _gone(self, detail: str) -> str:
        return f"{self._url} answers no request: {detail}"

    async def _post(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> Any:
        """One attempt; the response's JSON."""
        try:
            async with session.post(
                f"{self._url}/chat/completions", json=body, allow_redirects=False
            ) as response:
                status, headers = response.status, response.headers
                data = await response.content.read(_MAX_BODY)
                while len(data) < _MAX_BODY and (more := await response.content.read(_MAX_BODY - len(data))):
                    data += more
        except TimeoutError:
            detail = f"no answer within {self._params.timeout_s:g} s"
            raise _PassingError(CaptionReason.ENGINE_TIMEOUT, detail) from None
        except (aiohttp.ClientError, OSError) as error:
            detail = self._clean(f"{type(error).__name__}: {error}")
            raise _PassingError(CaptionReason.ENGINE_UNAVAILABLE, detail) from None
        if status == 200:
            try:
                return json.loads(data)
            except (ValueError, RecursionError):
                detail = f"the response is no JSON but {self._clean(data.decode(errors='replace'), 60)!r}"
                raise _PassingError(CaptionReason.ENGINE_GARBAGE, detail) from None
        detail = f"HTTP {status}: {self._clean(_message(data), 200)}"
        if status in _PASSING:
            wait_s = retry_after(headers.get("Retry-After"))
            raise _PassingError(CaptionReason.ENGINE_UNAVAILABLE, detail, wait_s)
        if status in {401, 403}:
            variable = self._params.api_key_variable
            raise ConfigurationError(
                f"{self._url} does not let us in ({detail}): put the key into the environment variable "
                f"{variable}, or the path of a file with it into {variable}_FILE."
            )
        if status == 404 or 300 <= status < 400:
            raise ConfigurationError(
                f"{self._url} has no chat completions of the model {self._params.model!r} ({detail}): check "
                "base_url, which ends in /v1 mostly, and model."
            )
        raise _RefusedError(detail)

    def _completion(self, answer: Any, request: Request) -> Completion:
        """What a response says.

        Raises:
            _PassingError: where it is not of the form that the protocol wants.
        """
        try:
            (choice,) = answer["choices"]
            message = choice["message"]
            text = message.get("content")
            if text is None:
                text = message.get("refusal") or ""
            reason = choice.get("finish_reason")
            usage = answer.get("usage") or {}
            tokens_in, tokens_out = (
                int(usage.get(key) or 0) for key in ("prompt_tokens", "completion_tokens")
            )
            tokens = (choice.get("logprobs") or {}).get("content") or ()
            logprobs = [token["logprob"] for token in tokens]
            if not isinstance(text, str) or not all(isinstance(one, int | float) for one in logprobs):
                raise TypeError("wrong types")
            probability = math.exp(min(0.0, sum(logprobs))) if logprobs else None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            detail = f"the response is no chat completion: {self._clean(json.dumps(answer), 80)}"
            raise _PassingError(CaptionReason.ENGINE_GARBAGE, detail) from None
        if reason == "content_filter":
            return failed(CaptionReason.ENGINE_REFUSED, "the endpoint's content filter")
        finish: Finish = "length" if reason == "length" else "stop"
        if request.choices:
            chosen = choice_in(text, request.choices)
            if chosen is None:
                detail = f"{self._clean(text, 80)!r} is none of {', '.join(request.choices)}"
                return failed(CaptionReason.ENGINE_GARBAGE, detail)
            text, finish = chosen, "stop"
        return answered(text, finish, tokens_in=tokens_in, tokens_out=tokens_out, probability=probability)

    def _session(self) -> aiohttp.ClientSession:
        headers = {"User-Agent": f"kalemint/{__version__}"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=self._params.concurrency),
            timeout=aiohttp.ClientTimeout(total=self._params.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,
        )

    async def _version(self) -> str | None:
        """The version of a vLLM server; None of one that does not tell."""
        async with self._session() as session:
            try:
                async with session.get(
                    f"{self._url.removesuffix('/v1')}/version", allow_redirects=False
                ) as response:
                    answer = (
                        json.loads(await response.content.read(_MAX_BODY)) if response.status == 200 else {}
                    )
            except (ValueError, RecursionError):
                return None
            except (aiohttp.ClientError, OSError) as error:
                raise RetryableError(self._gone(self._clean(f"{type(error).__name__}: {error}"))) from None
        version = answer.get("version") if isinstance(answer, dict) else None
        return version if isinstance(version, str) else None

    def _clean(self, text: str, characters: int = 200) -> str:
        """The start of a text for ledgers and logs: some servers repeat the key they were given."""
        return (text.replace(self._key, "***") if self._key else text)[:characters]


def read_key(variable: str) -> str | None:
    """The key out of VARIABLE, or out of the file that VARIABLE_FILE names; None where there is neither.

    Raises:
        ConfigurationError: where the file can't be read, or the key could not be sent in a header.
    """
    key = os.environ.get(variable)
    path = os.environ.get(f"{variable}_FILE")
    if key is None and path:
        try:
            key = Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The file that {variable}_FILE names can't be read ({type(error).__name__})."
            ) from None
    key = (key or "").strip()
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        raise ConfigurationError(f"The key in {variable} has spaces or characters that are not ASCII.")
    return key or None


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date; None where it is neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - datetime.now(
            UTC
        ).timestamp()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def choice_in(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a free answer begins with, whatever its case and punctuation; None where none is."""
    bare = re.sub(r"^(?:\W|_)*(?:answer\W+)?", "", text, flags=re.IGNORECASE).casefold()
    for choice in sorted(choices, key=len, reverse=True):
        if re.match(rf"{re.escape(choice.casefold())}(?![^\W_])", bare):
            return choice
    return None


def _data_uri(request: Request, max_side: int | None) -> str | Completion:
    image = request_image(request, max_side)
    if isinstance(image, Completion):
        return image
    assert image is not None
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _message(data: bytes) -> str:
    """What an error response says for a person."""
    text = data.decode(errors="replace")
    try:
        answer = json.loads(text)
        error = answer.get("error", answer)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError, RecursionError):
        pass
    return " ".join(text.split())


def _too_long(detail: str) -> bool:
    lower = detail.casefold()
    return any(words in lower for words in ("context length", "context_length", "too long", "context size"))
