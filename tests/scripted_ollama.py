"""A model runtime that speaks Ollama's API on loopback and does what a test tells it to, however bad."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from helpdesk.ai.providers.schemas import PROBE_SCHEMA

EMBEDDING_MODEL = "all-minilm"
TEXT_MODEL = "scripted"
DIMS = 384

Reply = Callable[[dict[str, Any]], Response]


def error(status: int, message: str) -> Reply:
    """Answer with an error as Ollama words it."""
    return lambda _body: JSONResponse({"error": message}, status)


def json_reply(value: Any) -> Reply:
    """Answer 200 with any JSON."""
    return lambda _body: Response(json.dumps(value), media_type="application/json")


def proxy_page(status: int = 200) -> Reply:
    """Answer with the page of something that stands before the runtime."""
    return lambda _body: HTMLResponse("<html><body>Sign in to the network</body></html>", status)


def slow(seconds: float) -> Reply:
    """Answer nothing for so long."""

    async def wait() -> AsyncIterator[bytes]:
        await asyncio.sleep(seconds)
        yield b"{}"

    return lambda _body: StreamingResponse(wait(), media_type="application/json", headers={"content-length": "2"})


def held(until: threading.Event, content: str = "Well.") -> Reply:
    """Answer a chat once a test lets it."""

    def answer(body: dict[str, Any]) -> Response:
        said = bytes(says(content)(body).body)

        async def wait() -> AsyncIterator[bytes]:
            await asyncio.to_thread(until.wait, 30)
            yield said

        return StreamingResponse(wait(), media_type="application/json")

    return answer


def cut() -> Reply:
    """Close the connection in the middle of the answer."""

    async def half() -> AsyncIterator[bytes]:
        yield b'{"model": "scr'
        raise ConnectionAbortedError

    return lambda _body: StreamingResponse(half(), headers={"content-length": "1000"})


def says(content: str | dict[str, Any], *, done_reason: str = "stop", thinking: str | None = None) -> Reply:
    """Answer a chat."""
    text = content if isinstance(content, str) else json.dumps(content)
    message = {"role": "assistant", "content": text} | ({"thinking": thinking} if thinking else {})
    return json_reply(
        {
            "model": TEXT_MODEL,
            "created_at": "2026-01-01T00:00:00Z",
            "message": message,
            "done": True,
            "done_reason": done_reason,
            "total_duration": 5_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": 11,
            "eval_count": 7,
            "eval_duration": 3_000_000,
        }
    )


def unit_vector(text: str, *, dims: int = DIMS) -> list[float]:
    """Return a vector that depends on the text alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=dims)
    return [float(value) for value in vector / np.linalg.norm(vector)]


def embeds(vectors: list[Any] | None = None) -> Reply:
    """Answer with the given vectors, or one for each text."""

    def answer(body: dict[str, Any]) -> Response:
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        found = (
            [unit_vector(text, dims=body.get("dimensions") or DIMS) for text in texts] if vectors is None else vectors
        )
        said = {"model": body["model"], "embeddings": found, "prompt_eval_count": sum(map(count_tokens, texts))}
        return Response(json.dumps(said), media_type="application/json")

    return answer


def count_tokens(text: str) -> int:
    """Return how many tokens a text has here: every other x is one, of other characters every fourth."""
    dense = text.count("x")
    return dense // 2 + (len(text) - dense) // 4


def unless(spoilt: Callable[[str], bool], reply: Reply) -> Reply:
    """Embed as usual, but let one spoilt text spoil its whole batch."""

    def answer(body: dict[str, Any]) -> Response:
        return reply(body) if any(map(spoilt, body["input"])) else embeds()(body)

    return answer


@dataclass
class ScriptedOllama:
    """The server's address, what it was asked, and what it says next.

    Attributes:
        digests: the models it has, by name.
        capabilities: what `/api/show` says the models can do.
        obeys: whether its text model is held to the schema it is sent; when asked only to find that out, which
            `probes` counts, it answers by this and by nothing else.
        remote: names of models that it has computed by somebody else.
        requests: bodies by path, oldest first.
    """

    url: str = ""
    digests: dict[str, str] = field(default_factory=lambda: {EMBEDDING_MODEL: "e" * 64, TEXT_MODEL: "t" * 64})
    capabilities: list[str] = field(default_factory=lambda: ["completion"])
    obeys: bool = True
    probes: int = 0
    remote: set[str] = field(default_factory=set)
    requests: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _replies: dict[str, deque[Reply]] = field(default_factory=lambda: defaultdict(deque))
    _always: dict[str, Reply] = field(default_factory=dict)

    def then(self, path: str, *replies: Reply) -> None:
        """Answer the next calls of a path with these, one each."""
        self._replies[path].extend(replies)

    def always(self, path: str, reply: Reply) -> None:
        """Answer every call of a path with this, once the others are used up."""
        self._always[path] = reply

    async def answer(self, request: Request) -> Response:
        raw = await request.body()
        body: dict[str, Any] = json.loads(raw) if raw else {}
        path = request.url.path
        if body.get("format") == PROBE_SCHEMA:
            self.probes += 1
            word = PROBE_SCHEMA["properties"]["answer"]["enum"][0]
            return says({"answer": word} if self.obeys else "The capital of France is Paris.")(body)
        self.requests[path].append(body)
        if self._replies[path]:
            return self._replies[path].popleft()(body)
        return self._always.get(path, self._usual(path))(body)

    def _usual(self, path: str) -> Reply:
        match path:
            case "/api/tags":
                return json_reply(
                    {
                        "models": [
                            {"model": name, "name": name, "digest": digest}
                            | ({"remote_host": "https://ollama.com:443"} if name in self.remote else {})
                            for name, digest in self.digests.items()
                        ]
                    }
                )
            case "/api/version":
                return json_reply({"version": "0.12.6"})
            case "/api/show":
                return json_reply({"capabilities": self.capabilities, "model_info": {}})
            case "/api/embed":
                return embeds()
            case _:
                return says({"answer": "yes"})


@contextmanager
def serve_scripted_ollama() -> Iterator[ScriptedOllama]:
    """Serve in a thread of this process until the test is done."""
    scripted = ScriptedOllama()
    app = Starlette(routes=[Route("/{path:path}", scripted.answer, methods=["GET", "POST"])])
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    scripted.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.should_exit = True
        thread.join(5)
