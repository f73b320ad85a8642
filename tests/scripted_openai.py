"""An endpoint on loopback that speaks OpenAI's protocol, as vLLM does, and answers what a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk.ai.providers.schemas import PROBE_SCHEMA

MODEL = "example/small-instruct"

Reply = Callable[[dict[str, Any]], Response]


def says(content: str | dict[str, Any] | None, *, finish_reason: str = "stop") -> Reply:
    """Answer a chat."""
    text = json.dumps(content) if isinstance(content, dict) else content
    message = {"role": "assistant", "content": text}
    return lambda body: JSONResponse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30},
        }
    )


def error(status: int, message: str, *, headers: dict[str, str] | None = None) -> Reply:
    """Answer with an error as these endpoints word it."""
    told = {"error": {"message": message, "type": "error", "param": None, "code": status}}
    return lambda _body: JSONResponse(told, status, headers=headers)


@dataclass
class ScriptedOpenAI:
    """The server's address, what it was asked, and what it says next.

    Attributes:
        takes: the ways of sending a schema that it takes; others are refused, and a refused one is not obeyed.
        obeys: the ways that hold its model to the schema.
        requests: bodies of chats, oldest first; `headers` and `paths` are of all requests.
    """

    url: str = ""
    models: list[dict[str, Any]] = field(default_factory=lambda: [{"id": MODEL, "created": 1, "owned_by": "vllm"}])
    takes: set[str] = field(default_factory=lambda: {"response_format", "guided_json"})
    obeys: set[str] = field(default_factory=lambda: {"response_format", "guided_json"})
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    probes: int = 0
    before: Callable[[dict[str, Any]], Response | None] = lambda _body: None
    _replies: deque[Reply] = field(default_factory=deque)

    def then(self, *replies: Reply) -> None:
        """Answer the next chats with these, one each."""
        self._replies.extend(replies)

    async def answer(self, request: Request) -> Response:
        raw = await request.body()
        self.paths.append(request.url.path)
        self.headers.append(dict(request.headers))
        if request.url.path.endswith("/models"):
            return JSONResponse({"object": "list", "data": self.models})
        body = json.loads(raw)
        sent = {"response_format", "guided_json"} & set(body)
        if refused := sent - self.takes:
            return error(400, f"{refused.pop()} is not supported")(body)
        if (said := self.before(body)) is not None:
            return said
        if PROBE_SCHEMA in (body.get("guided_json"), _schema_of(body)):
            self.probes += 1
            word = PROBE_SCHEMA["properties"]["answer"]["enum"][0]
            return says({"answer": word} if sent & self.obeys else "Paris.")(body)
        self.requests.append(body)
        return (self._replies.popleft() if self._replies else says({"answer": "yes"}))(body)


def _schema_of(body: dict[str, Any]) -> Any:
    return body.get("response_format", {}).get("json_schema", {}).get("schema")


@contextmanager
def serve_scripted_openai() -> Iterator[ScriptedOpenAI]:
    """Serve in a thread of this process until the test is done."""
    scripted = ScriptedOpenAI()
    app = Starlette(routes=[Route("/{path:path}", scripted.answer, methods=["GET", "POST"])])
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    scripted.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    try:
        yield scripted
    finally:
        server.should_exit = True
        thread.join(5)
