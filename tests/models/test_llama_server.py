"""OpenAI's protocol as llama.cpp's own server speaks it; run as told in `test_text_model`."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from helpdesk.ai.model import InputRefused, Prompt
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.ai.providers.probes.finding import worst
from helpdesk.ai.providers.probes.openai import probe_openai
from helpdesk.settings import Settings
from tests.waiting import eventually

MODELS = Path(os.environ["ATUM_TEST_MODELS"])
_SERVE = """
import sys, time, xllamacpp
wanted = xllamacpp.CommonParams()
wanted.model.path, wanted.hostnames, wanted.port = sys.argv[1], ["127.0.0.1"], int(sys.argv[2])
wanted.n_ctx, wanted.n_parallel, wanted.cpuparams.n_threads = 4096, 1, 1
server = xllamacpp.Server(wanted)
sys.stdin.read()
"""
CHOICE = {
    "type": "object",
    "properties": {"category": {"type": "string", "enum": ["network", "billing"]}},
    "required": ["category"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    [weights] = MODELS.glob("qwen2.5-coder-0.5b*.gguf")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", _SERVE, str(weights), str(port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        address = f"http://127.0.0.1:{port}/v1"
        asyncio.run(eventually(lambda: _answers(address), within_s=60, every_s=0.3))
        yield address
        server.kill()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/models", trust_env=False).is_success
    except httpx.HTTPError:
        return False


async def test_a_real_server_is_held_to_schemas_refuses_what_is_too_long_and_counts_tokens(url: str) -> None:
    models = connect_models(Settings(openai_url=url))
    prompt = Prompt("test", 1, "Choose the category of the ticket.", "The VPN drops every hour.")
    answers = [await models.language.answer(prompt, schema=CHOICE, max_tokens=40) for _ in range(2)]
    assert answers[0].value == answers[1].value
    assert (answers[0].value or {})["category"] in {"network", "billing"}
    assert (answers[0].prompt_tokens or 0) > 10
    assert "schema_sent" not in answers[0].options
    with pytest.raises(InputRefused):
        await models.language.answer(Prompt("test", 1, "Answer.", "word " * 9000), schema=None, max_tokens=5)
    await models.close()


async def test_the_probes_find_nothing_wrong_with_it(url: str) -> None:
    findings = await probe_openai(Settings(openai_url=url))
    # How fast it is depends on the machine.
    assert worst([finding for finding in findings if finding.probe != "speed"]) == "ok", findings
