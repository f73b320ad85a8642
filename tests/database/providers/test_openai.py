from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest
from pydantic import SecretStr, ValidationError
from starlette.responses import HTMLResponse, JSONResponse, Response
from structlog.testing import capture_logs

from helpdesk.ai.model import AnswerUnusable, InputRefused, ModelBusy, ModelMissing, Prompt
from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.errors import HelpdeskError
from helpdesk.settings import Settings
from tests.scripted_openai import MODEL, Reply, ScriptedOpenAI, error, says

PROMPT = Prompt("test", 1, "Answer in JSON.", "What is it?")
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}


async def _ask(models: ConnectedModels) -> dict[str, object] | None:
    return (await models.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)).value


async def test_an_answer_comes_decoded_with_its_figures(endpoint: ScriptedOpenAI, over_openai: ConnectedModels) -> None:
    answer = await over_openai.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)

    assert answer.value == {"answer": "yes"}
    assert (answer.model.name, answer.prompt_tokens, answer.output_tokens, answer.retries) == (MODEL, 21, 9, 0)
    assert answer.total_ms is not None
    [sent] = endpoint.requests
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (sent["temperature"], sent["max_tokens"], sent["model"]) == (0, 20, MODEL)
    assert isinstance(sent["seed"], int)
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]


async def test_keys_and_names_of_the_environment_go_nowhere(
    usual: Settings, endpoint: ScriptedOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "of-another-place")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    models = connect_models(usual.model_copy(update={"openai_url": endpoint.url}))
    await _ask(models)
    await models.close()
    assert "of-another-place" not in json.dumps(endpoint.headers)


async def test_the_key_is_sent_and_never_shown(usual: Settings, endpoint: ScriptedOpenAI) -> None:
    settings = usual.model_copy(update={"openai_url": endpoint.url, "openai_api_key": SecretStr("sesame-4711")})
    models = connect_models(settings)
    await _ask(models)
    await models.close()
    assert endpoint.headers[-1]["authorization"] == "Bearer sesame-4711"
    assert "sesame" not in repr(settings) + json.dumps(models.report())


@pytest.mark.parametrize("url", ["ftp://host/v1", "http://", "https://key:secret@host/v1"])
def test_an_address_that_is_none_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(openai_url=url)


async def test_the_only_model_is_taken_and_of_several_one_must_be_named(
    usual: Settings, endpoint: ScriptedOpenAI
) -> None:
    endpoint.models.append({"id": "another"})
    for named, name in ((None, None), ("another", "another"), ("absent", None)):
        models = connect_models(usual.model_copy(update={"openai_url": endpoint.url, "openai_model": named}))
        identity = await models.language.identify()
        assert (None if identity is None else identity.name) == name
        if identity is None:
            with pytest.raises(ModelMissing, match=r"ATUM_OPENAI_MODEL|does not have absent"):
                await _ask(models)
        await models.close()
    assert endpoint.requests == []


async def test_what_an_endpoint_says_of_its_model_is_its_digest_but_not_when_it_says_so(
    usual: Settings, endpoint: ScriptedOpenAI
) -> None:
    digests = []
    for change in ({}, {"created": 99}, {"root": "/models/other"}):
        endpoint.models[0] |= change
        models = connect_models(usual.model_copy(update={"openai_url": endpoint.url}))
        identity = await models.language.identify()
        digests.append(None if identity is None else identity.digest)
        await models.close()
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("takes", "used", "recorded"),
    [({"response_format", "guided_json"}, "response_format", None), ({"guided_json"}, "guided_json", "guided_json")],
)
async def test_a_schema_is_sent_in_a_way_that_the_endpoint_takes(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels, takes: set[str], used: str, recorded: str | None
) -> None:
    endpoint.takes = takes
    answer = await over_openai.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)
    assert used in endpoint.requests[-1]
    assert answer.options.get("schema_sent") == recorded
    # The next call knows.
    before = len(endpoint.paths)
    await _ask(over_openai)
    assert len(endpoint.paths) == before + 1


async def test_an_endpoint_that_takes_no_schema_is_told_of_it_and_its_answer_is_unwrapped(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels
) -> None:
    endpoint.takes = set()
    endpoint.then(says('Sure:\n```json\n{"answer": "no"}\n```'))
    assert await _ask(over_openai) == {"answer": "no"}
    assert '"enum":["yes","no"]' in endpoint.requests[0]["messages"][0]["content"]


async def test_a_schema_that_is_taken_and_ignored_is_found_out_and_sent_otherwise(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels
) -> None:
    endpoint.obeys = {"guided_json"}
    endpoint.then(says("It is."))
    assert await _ask(over_openai) == {"answer": "yes"}
    assert (endpoint.probes, "guided_json" in endpoint.requests[-1]) == (2, True)


@pytest.mark.parametrize("unknown", ["chat_template_kwargs", "seed", "temperature"])
async def test_an_option_that_is_unknown_there_is_left_out(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels, unknown: str
) -> None:
    def before(body: dict[str, object]) -> Response | None:
        return error(400, f"Unrecognized request argument supplied: {unknown}")(body) if unknown in body else None

    endpoint.before = before
    answer = await over_openai.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)
    assert answer.value == {"answer": "yes"}
    assert unknown not in answer.options


async def test_room_for_the_answer_may_have_another_name(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels
) -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    endpoint.before = lambda body: error(400, words)(body) if "max_tokens" in body else None
    assert await _ask(over_openai) == {"answer": "yes"}
    assert endpoint.requests[0]["max_completion_tokens"] == 20


SECRET = "my temperature is high and the seed of my schema is 4711"


@pytest.mark.parametrize(
    "told",
    [
        {"error": {"message": f"Unknown: {SECRET}", "param": "seed", "code": 400}},
        {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": SECRET}]},
        {"error": "Unrecognized request argument supplied: seed"},
    ],
)
@pytest.mark.parametrize("status", [400, 422])
async def test_of_a_refusal_only_the_name_counts_and_nothing_it_repeats_is_logged(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels, status: int, told: dict[str, object]
) -> None:
    endpoint.before = lambda body: JSONResponse(told, status) if "seed" in body else None
    with capture_logs() as logs:
        answer = await over_openai.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)
    assert "seed" not in answer.options
    assert {"temperature", "chat_template_kwargs"} <= set(answer.options)
    assert "response_format" in endpoint.requests[-1]
    [entry] = [entry for entry in logs if entry["event"] == "option_left_out"]
    assert (entry["option"], entry["status"]) == ("seed", status)
    assert "4711" not in str(logs)


@pytest.mark.parametrize("param", ["messages", None])
async def test_what_a_refusal_repeats_takes_no_option_away_and_reaches_no_error(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels, param: str | None
) -> None:
    repeated = SECRET if param else f"{'It is refused. ' * 30}{SECRET}"
    told = {"error": {"message": f"Refused: {repeated}", "param": param, "code": 400}}
    endpoint.then(lambda _body: JSONResponse(told, 400))
    with capture_logs() as logs, pytest.raises(InputRefused) as refused:
        await _ask(over_openai)
    assert "4711" not in str(refused.value) + repr(refused.value) + str(logs)
    assert len(endpoint.requests) == 1


async def test_a_schema_that_is_refused_is_logged_without_the_endpoints_words(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels
) -> None:
    told = {"error": {"message": SECRET, "param": "response_format.json_schema", "code": 400}}
    endpoint.before = lambda body: JSONResponse(told, 400) if "response_format" in body else None
    with capture_logs() as logs:
        assert await _ask(over_openai) == {"answer": "yes"}
    [entry] = [entry for entry in logs if entry["event"] == "schema_sent_otherwise"]
    assert entry["reason"] == "The endpoint answers 400 and names response_format."
    assert "4711" not in str(logs)


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        (error(503, "overloaded"), ModelBusy),
        (error(500, "internal"), ModelBusy),
        (error(429, "rate limit", headers={"retry-after": "42"}), ModelBusy),
        (error(401, "invalid key"), ModelMissing),
        (error(403, "not yours"), ModelMissing),
        (error(404, "The model does not exist."), ModelMissing),
        (error(400, "This model's maximum context length is 4096 tokens; 'max_tokens' is too large."), InputRefused),
        (error(422, "messages: field required"), InputRefused),
        (lambda _body: HTMLResponse("<html>Sign in</html>"), ModelBusy),
        (lambda _body: HTMLResponse("<html>Bad gateway</html>", 502), ModelBusy),
        (lambda _body: HTMLResponse("<html>Not found</html>", 404), ModelBusy),
        (lambda _body: Response("[]", media_type="application/json"), ModelBusy),
        (lambda _body: Response('{"choices": []}', media_type="application/json"), ModelBusy),
    ],
)
async def test_a_failed_chat_says_whose_fault_it_is(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels, reply: Reply, meaning: type[HelpdeskError]
) -> None:
    endpoint.then(reply)
    with pytest.raises(meaning) as failure:
        await _ask(over_openai)
    if "42" in str(getattr(failure.value, "retry_after", "")):
        assert failure.value.retry_after == 42  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "reply", [says('{"answer": "y', finish_reason="length"), says(None), says({"answer": "maybe"})]
)
async def test_an_unfit_answer_is_asked_for_once_more_and_both_are_paid_for(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels, reply: Reply
) -> None:
    endpoint.then(reply)
    answer = await over_openai.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)
    assert (answer.value, answer.retries) == ({"answer": "yes"}, 1)
    assert (answer.prompt_tokens, answer.output_tokens) == (42, 18)
    assert [body["max_tokens"] for body in endpoint.requests] == [20, 40]


async def test_an_answer_that_is_unfit_twice_is_given_up_and_says_what_it_cost(
    endpoint: ScriptedOpenAI, over_openai: ConnectedModels
) -> None:
    endpoint.then(*[says('{"answer"', finish_reason="length")] * 2)
    with pytest.raises(AnswerUnusable) as unusable:
        await _ask(over_openai)
    assert (unusable.value.spent.prompt_tokens, unusable.value.spent.output_tokens) == (42, 18)


async def test_nobody_listening_opens_the_breaker_of_this_endpoint_alone(usual: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        models = connect_models(usual.model_copy(update={"openai_url": url}))
        for _ in range(3):
            with pytest.raises(ModelBusy):
                await _ask(models)
        assert models.report()["listing openai"]["state"] == "open"
        assert len(await models.embedder.embed(["still answered"])) == 1
        await models.close()


def test_the_library_is_not_loaded_by_those_who_do_not_use_it() -> None:
    lines = "import sys, helpdesk.ai.providers.connecting; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == 0
