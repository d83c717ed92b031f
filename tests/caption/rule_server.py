"""An OpenAI-compatible endpoint over a real socket whose answers follow a rule that a test gives.

A test instrument: no model is behind it. It makes the decisions of the stages visible; that they work with
real models is shown by other tests.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from PIL import Image

from components.caption.engines.params import EngineParams


@dataclass(frozen=True)
class Question:
    """What a stage asked.

    Attributes:
        text: the user's message.
        image: a digest of the decoded pixels, None without an image.
        choices: of guided decoding.
        max_tokens: as asked for.
    """

    text: str
    image: str | None
    choices: tuple[str, ...]
    max_tokens: int


@dataclass(frozen=True)
class Answer:
    """What the rule answers; `status` other than 200 is an error of the server."""

    text: str
    probability: float | None = None
    finish: str = "stop"
    status: int = 200


Rule = Callable[[Question], str | Answer]


def pixels_of(image: bytes) -> str:
    """What `Question.image` is for an encoded image that is sent as it is."""
    return hashlib.sha256(Image.open(io.BytesIO(image)).convert("RGB").tobytes()).hexdigest()


def _question(body: dict[str, Any]) -> Question:
    content = body["messages"][-1]["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    text = " ".join(part["text"] for part in parts if part["type"] == "text")
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    image = pixels_of(base64.b64decode(urls[0].partition(",")[2])) if urls else None
    return Question(
        text, image, tuple(body.get("structured_outputs", {}).get("choice", ())), body["max_tokens"]
    )


@contextmanager
def rule_server(rule: Rule) -> Iterator[tuple[EngineParams, list[Question]]]:
    """Serve a rule. Gives parameters of an engine that asks it, and the questions so far."""
    asked: list[Question] = []

    async def complete(request: web.Request) -> web.Response:
        question = _question(await request.json())
        asked.append(question)
        answer = rule(question)
        answer = Answer(answer) if isinstance(answer, str) else answer
        if answer.status != 200:
            return web.json_response({"error": {"message": answer.text}}, status=answer.status)
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.text},
            "finish_reason": answer.finish,
        }
        if answer.probability is not None:
            choice["logprobs"] = {
                "content": [{"token": answer.text, "logprob": math.log(answer.probability)}]
            }
        words = len(question.text.split()), len(answer.text.split())
        usage = {"prompt_tokens": words[0], "completion_tokens": words[1]}
        return web.json_response({"choices": [choice], "usage": usage})

    async def version(request: web.Request) -> web.Response:
        return web.json_response({"version": "rule"})

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/version", version)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    port = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield (
            EngineParams(
                engine="openai",
                model="rule",
                base_url=f"http://127.0.0.1:{port}/v1",
                attempts=2,
                backoff_s=0.01,
                max_side=None,
            ),
            asked,
        )
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
