"""The client of OpenAI-compatible endpoints, against real servers: good, slow, broken and hostile ones."""

from __future__ import annotations

import io
import json
import logging
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from components.caption.engines import Engine, EngineParams, Request, open_engine
from components.caption.engines.openai_engine import choice_in, read_key, retry_after
from components.core.errors import ConfigurationError, RetryableError
from tests.caption.engines.chat_server import answer_to, chat_server, completion, error, html
from tests.caption.tiny_llava import picture

KEY = "sk-SECRET-0123456789"


def _engine(url: str, **more: Any) -> Engine:
    values = {
        "backoff_s": 0.01,
        "max_backoff_s": 0.1,
        "timeout_s": 5,
        "concurrency": 4,
        "attempts": 3,
        **more,
    }
    return open_engine(EngineParams(engine="openai", model="served", base_url=url, **values))


def _requests(count: int = 12) -> list[Request]:
    return [Request(f"Describe {n}.", image=picture(n) if n % 2 else None) for n in range(count)]


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_answers_come_in_order_with_bounded_concurrency() -> None:
    with chat_server(delay_s=0.01) as server:
        answers = _engine(server.url).generate(_requests(40))
        assert 1 < server.busiest <= 4
    by_user = {}
    for body in server.bodies:
        content = body["messages"][0]["content"]
        by_user[content if isinstance(content, str) else content[-1]["text"]] = answer_to(body)
    assert [answer.text for answer in answers] == [by_user[f"Describe {n}."] for n in range(40)]
    assert {(answer.finish, answer.tokens_in, answer.tokens_out) for answer in answers} == {("stop", 7, 3)}


def test_what_is_sent() -> None:
    with chat_server() as server:
        engine = _engine(
            server.url, temperature=0.5, seed=3, chat_template_options={"enable_thinking": False}
        )
        engine.generate([Request("Hi", system="Be brief.", max_tokens=9)])
        engine.generate([Request("See", image=picture(1, (300, 200), "JPEG"))])
    first, second = server.bodies
    assert first == {
        "model": "served",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 1.0,
        "seed": 3,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    image, text = second["messages"][0]["content"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert text == {"type": "text", "text": "See"}
    assert "Authorization" not in server.headers[0]


def test_pixels_are_those_the_other_engines_see() -> None:
    import base64

    from components.core.rgb_images import rgb_image

    data = picture(5, (800, 600), "JPEG")
    with chat_server() as server:
        _engine(server.url, max_side=100).generate([Request("See", image=data)])
    uri = server.bodies[0]["messages"][0]["content"][0]["image_url"]["url"]
    sent = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert sent.size == (100, 75)
    assert sent.tobytes() == rgb_image(data, 100).tobytes()


def test_a_bad_image_costs_itself_only() -> None:
    requests = _requests()
    requests[3] = Request("Describe.", image=b"no picture")
    with chat_server() as server:
        answers = _engine(server.url).generate(requests)
    assert len(server.bodies) == 11
    assert [answer.error for answer in answers] == [None] * 3 + ["image_undecodable"] + [None] * 8


@pytest.mark.parametrize(
    "fault",
    [
        lambda: error(429, "slow down"),
        lambda: error(500, "oops"),
        lambda: error(503, "loading", Retry_After="0.02"),
        lambda: html(502),
        lambda: html(200),
        lambda: web.json_response([]),
        lambda: web.json_response("text"),
        lambda: web.json_response({"choices": []}),
        lambda: web.json_response(
            {"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}
        ),
        lambda: web.json_response({"choices": [{"message": {"content": [1]}}]}),
        lambda: web.json_response(
            {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": "x"}}
        ),
        lambda: web.json_response(
            {"choices": [{"message": {"content": "a"}, "logprobs": {"content": [{}]}}]}
        ),
        lambda: web.json_response({"choices": [{"message": None}]}),
        lambda: web.json_response({"error": "busy"}),
        lambda: web.Response(body=b"\xff\xfe\x00", content_type="application/json"),
        lambda: web.Response(body=b"[" * 100_000, content_type="application/json"),
    ],
)
def test_passing_faults_are_tried_again(fault: Callable[[], web.Response]) -> None:
    with chat_server(lambda number, _: fault() if number < 2 else None) as server:
        answers = _engine(server.url).generate(_requests(4))
    assert [answer.error for answer in answers] == [None] * 4
    assert len(server.bodies) == 6


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda: error(500, "oops"), "engine_unavailable"),
        (lambda: html(200), "engine_garbage"),
        (lambda: error(400, "This model's maximum context length is 256 tokens"), "prompt_too_long"),
        (lambda: error(400, "bad image"), "engine_refused"),
        (lambda: error(422, "unprocessable"), "engine_refused"),
        (lambda: html(413), "engine_refused"),
        (
            lambda: web.json_response(completion({"messages": []}, finish_reason="content_filter")),
            "engine_refused",
        ),
    ],
)
def test_a_request_that_always_fails_costs_itself_only(
    fault: Callable[[], web.Response], reason: str
) -> None:
    def one(_: int, body: dict[str, Any]) -> web.Response | None:
        return fault() if body["messages"][0]["content"] == "Describe 2." else None

    with chat_server(one) as server:
        answers = _engine(server.url).generate(_requests(8))
    assert [answer.error for answer in answers] == [None, None, reason, None, None, None, None, None]
    assert answers[2].detail


def test_slow_answers_run_into_the_timeout() -> None:
    with chat_server(lambda *_: None, delay_s=1) as server:
        began = time.monotonic()
        with pytest.raises(RetryableError, match="no answer within"):
            _engine(server.url, timeout_s=0.1, attempts=2).generate(_requests(2))
        assert time.monotonic() - began < 3
        assert len(server.bodies) == 4


def test_a_server_that_is_not_there_stops_the_call() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(RetryableError, match="answers no request"):
            _engine(url).generate(_requests(200))
        with pytest.raises(RetryableError, match="answers no request"):
            _engine(url).identity()


def test_a_server_that_dies_half_way_stops_the_call_and_not_after_every_request() -> None:
    dies = chat_server(lambda number, _: error(503, "gone") if number >= 20 else None)
    with dies as server, pytest.raises(RetryableError, match="gone"):
        _engine(server.url).generate(_requests(400))
    assert len(server.bodies) < 100


def test_connections_cut_in_the_middle_of_an_answer() -> None:
    class Cut(web.Response):
        async def write_eof(self, data: bytes = b"") -> None:
            assert self._req is not None
            assert self._req.transport is not None
            self._req.transport.abort()

    with chat_server(lambda number, _: Cut(text="{" * 100) if number in {1, 3} else None) as server:
        answers = _engine(server.url).generate(_requests(8))
    assert [answer.error for answer in answers] == [None] * 8


def test_retry_after_is_waited_for_and_capped() -> None:
    with chat_server(lambda number, _: error(429, "x", Retry_After="0.5") if number == 0 else None) as server:
        began = time.monotonic()
        _engine(server.url, max_backoff_s=5).generate(_requests(1))
        assert 0.5 <= time.monotonic() - began < 3
    with chat_server(
        lambda number, _: error(429, "x", Retry_After="3600") if number == 0 else None
    ) as server:
        began = time.monotonic()
        _engine(server.url, max_backoff_s=0.1).generate(_requests(1))
        assert time.monotonic() - began < 3


def test_retry_after_of_every_form() -> None:
    assert retry_after("7") == 7
    assert retry_after("-3") == 0
    later = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True))
    assert later is not None
    assert 25 < later <= 30
    assert retry_after("Mon, 01 Jan 2001 00:00:00 GMT") == 0
    for wrong in (None, "", "soon", "nan", "inf", "1,2"):
        assert retry_after(wrong) is None


@pytest.mark.parametrize("status", [401, 403, 404, 301, 307])
def test_what_can_never_succeed_stops_at_once(status: int) -> None:
    refuses = chat_server(lambda *_: error(status, "no", Location="http://127.0.0.1:1/"))
    with refuses as server, pytest.raises(ConfigurationError, match=r"OPENAI_API_KEY|base_url"):
        _engine(server.url).generate(_requests(200))
    assert len(server.bodies) <= 8


def test_key_from_the_environment_or_a_file_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def echo(number: int, _: dict[str, Any]) -> web.Response | None:
        # cut in the middle of the key, too
        wrong = {0: error(400, "w" * 190 + KEY), 1: web.json_response({"echo" * 17: KEY}), 2: error(500, KEY)}
        return wrong.get(number)

    (tmp_path / "key").write_text(KEY + "\n")
    for variable, value in (("OPENAI_API_KEY", KEY), ("OPENAI_API_KEY_FILE", str(tmp_path / "key"))):
        with monkeypatch.context() as patched, chat_server(echo) as server:
            patched.setenv(variable, value)
            engine = _engine(server.url, concurrency=1)
            shown = repr(engine.generate(_requests(4))) + json.dumps(engine.identity())
        assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
        assert "SECRET" not in shown
        assert "***" in shown
    assert "SECRET" not in caplog.text


def test_key_that_is_none_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for wrong in ("two words", "line\nbreak", "schlüssel"):
        monkeypatch.setenv("OPENAI_API_KEY", wrong)
        with pytest.raises(ConfigurationError) as caught:
            read_key("OPENAI_API_KEY")
        assert wrong not in str(caught.value)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY_FILE"):
        read_key("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_API_KEY_FILE")
    assert read_key("OPENAI_API_KEY") is None


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", "http://user:pw@host/v1", None])
def test_addresses_that_are_none_are_refused(url: str | None) -> None:
    with pytest.raises(ValueError, match="base_url"):
        EngineParams(engine="openai", model="m", base_url=url)


JUDGE = Request("Seen?", choices=("yes", "no", "unsure"), max_tokens=2)


def test_choices_are_guided_where_the_endpoint_can() -> None:
    logprobs = {"content": [{"token": "no", "logprob": -0.25}, {"token": "", "logprob": 0.0}]}
    with chat_server(lambda _, body: web.json_response(completion(body, "no", logprobs=logprobs))) as server:
        answers = _engine(server.url).generate([JUDGE] * 3)
    assert {answer.text for answer in answers} == {"no"}
    assert answers[0].probability == pytest.approx(0.7788)
    assert all(body["structured_outputs"] == {"choice": ["yes", "no", "unsure"]} for body in server.bodies)


def test_choices_are_read_out_of_free_text_where_it_can_not() -> None:
    def unguided(_: int, body: dict[str, Any]) -> web.Response:
        if "structured_outputs" in body:
            return error(400, "Unrecognized request argument supplied: structured_outputs")
        return web.json_response(completion(body, "**Answer:** Unsure. It is dark."))

    with chat_server(unguided) as server:
        engine = _engine(server.url, concurrency=1)
        answers = engine.generate([JUDGE] * 3)
    assert [(answer.text, answer.error) for answer in answers] == [("unsure", None)] * 3
    assert ["structured_outputs" in body for body in server.bodies] == [True, False, False, False]
    assert server.bodies[-1]["max_tokens"] >= 16


def test_an_answer_that_is_no_choice_is_an_error() -> None:
    with chat_server(lambda _, body: web.json_response(completion(body, "It is a cat."))) as server:
        (answer,) = _engine(server.url).generate([JUDGE])
    assert (answer.error, answer.text) == ("engine_garbage", "")


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("yes", "yes"),
        ("No.", "no"),
        (' "Unsure"', "unsure"),
        ("not visible", None),
        ("I say yes", None),
        ("", None),
        ("yesterday", None),
        ("Answer: no", "no"),
        ("_no_", "no"),
        ("no, yes", "no"),
    ],
)
def test_choice_in(text: str, choice: str | None) -> None:
    assert choice_in(text, ("yes", "no", "unsure")) == choice


def test_refusals_and_empty_contents_are_texts() -> None:
    answers = iter([{"content": None}, {"content": None, "refusal": "I can't."}])
    with chat_server(lambda *_: web.json_response({"choices": [{"message": next(answers)}]})) as server:
        found = _engine(server.url, concurrency=1).generate(_requests(2))
    assert [(one.text, one.finish, one.tokens_in) for one in found] == [
        ("", "stop", 0),
        ("I can't.", "stop", 0),
    ]


def test_cut_off_answers_say_so() -> None:
    with chat_server(lambda _, body: web.json_response(completion(body, finish_reason="length"))) as server:
        (answer,) = _engine(server.url).generate(_requests(1))
    assert answer.finish == "length"


def test_identity_names_the_servers_version() -> None:
    with chat_server() as server:
        engine = _engine(server.url)
        identity = engine.identity()
        engine.close()
        assert engine.identity() == identity
    assert (identity["model"], identity["engine"], identity["engine_version"]) == (
        "served",
        "openai",
        "0.32.0",
    )
    assert identity["revision"] is None


def test_nothing_to_ask() -> None:
    assert _engine("http://127.0.0.1:1/v1").generate([]) == []
