"""A server of the chat completions protocol on a port of its own, whose faults a test decides."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from PIL import Image

Fault = Callable[[int, dict[str, Any]], "web.StreamResponse | None"]


@dataclass
class ChatServer:
    """What a test sees of the server.

    Attributes:
        url: its base URL.
        bodies: of the requests it got, in order.
        headers: of them.
        busiest: most requests under way at the same time.
    """

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    busiest: int = 0


def answer_to(body: dict[str, Any]) -> str:
    """What the server says: it depends on every word and every pixel."""
    told = hashlib.sha256()
    for message in body["messages"]:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                told.update(part["text"].encode())
            else:
                data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
                image = Image.open(io.BytesIO(data))
                assert image.mode == "RGB"
                told.update(repr(image.size).encode() + image.tobytes())
    return f"A caption {told.hexdigest()[:8]}."


def completion(body: dict[str, Any], text: str | None = None, **more: Any) -> dict[str, Any]:
    """A well-formed response."""
    message = {"role": "assistant", "content": answer_to(body) if text is None else text}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **more}
    return {
        "object": "chat.completion",
        "choices": [choice],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }


@contextmanager
def chat_server(fault: Fault | None = None, delay_s: float = 0) -> Iterator[ChatServer]:
    """Serve for as long as the block runs.

    Args:
        fault: (number of the request, its body) → the response to give instead, or None.
    """
    server = ChatServer()
    busy = 0

    async def chat(request: web.Request) -> web.StreamResponse:
        nonlocal busy
        number = len(server.bodies)
        body = await request.json()
        server.bodies.append(body)
        server.headers.append(dict(request.headers))
        busy += 1
        server.busiest = max(server.busiest, busy)
        try:
            await asyncio.sleep(delay_s)
            response = fault(number, body) if fault else None
            if response is None and request.transport is None:
                raise ConnectionResetError
            return response if response is not None else web.json_response(completion(body))
        finally:
            busy -= 1

    async def version(_: web.Request) -> web.Response:
        return web.json_response({"version": "0.32.0"})

    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", chat)
        app.router.add_get("/version", version)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def html(status: int = 200) -> web.Response:
    """What a proxy says."""
    return web.Response(text="<html><title>Gateway</title></html>", content_type="text/html", status=status)


def error(status: int, message: str, **headers: str) -> web.Response:
    """An error as the protocol has it."""
    return web.Response(
        text=json.dumps({"error": {"message": message, "type": "x"}}),
        content_type="application/json",
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
