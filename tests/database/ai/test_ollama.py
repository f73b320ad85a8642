from __future__ import annotations

import math
import socket
import time

import numpy as np
import pytest

from helpdesk.ai.model import AnswerUnusable, InputRefused, ModelBusy, ModelMissing, Prompt
from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.errors import HelpdeskError
from helpdesk.settings import Settings
from tests.scripted_ollama import (
    DIMS,
    EMBEDDING_MODEL,
    TEXT_MODEL,
    Reply,
    ScriptedOllama,
    cut,
    embeds,
    error,
    json_reply,
    proxy_page,
    says,
    slow,
    unit_vector,
)

PROMPT = Prompt("test", 1, "Answer in JSON.", "What is it?")
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}


async def _ask(models: ConnectedModels) -> dict[str, object] | None:
    return (await models.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)).value


async def test_an_answer_comes_decoded_with_its_figures(ollama: ScriptedOllama, models: ConnectedModels) -> None:
    answer = await models.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)

    assert answer.value == {"answer": "yes"}
    assert (answer.model.digest, answer.prompt_tokens, answer.output_tokens) == ("t" * 64, 11, 7)
    assert (answer.total_ms, answer.eval_ms, answer.retries) == (5.0, 3.0, 0)
    [sent] = ollama.requests["/api/chat"]
    assert sent["format"] == SCHEMA
    assert sent["options"] | {"temperature": 0.0, "num_predict": 20} == sent["options"]
    assert {"seed", "num_ctx"} <= set(sent["options"])
    assert (sent["truncate"], sent["shift"]) == (False, False)
    assert "think" not in sent


async def test_a_model_that_thinks_aloud_is_told_not_to(ollama: ScriptedOllama, models: ConnectedModels) -> None:
    ollama.capabilities = ["completion", "thinking"]
    await _ask(models)
    assert ollama.requests["/api/chat"][0]["think"] is False


async def test_vectors_come_as_unit_vectors_and_too_long_texts_are_not_cut(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    vectors = await models.embedder.embed(["one", "two"])

    assert (vectors.shape, vectors.dtype) == ((2, DIMS), np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert ollama.requests["/api/embed"][0]["truncate"] is False


async def test_a_large_batch_is_split_into_calls_of_32(ollama: ScriptedOllama, models: ConnectedModels) -> None:
    assert len(await models.embedder.embed([f"text {number}" for number in range(70)])) == 70
    assert [len(body["input"]) for body in ollama.requests["/api/embed"]] == [32, 32, 6]


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        (error(503, "server busy, please try again"), ModelBusy),
        (error(500, "llama runner process has terminated"), ModelBusy),
        (proxy_page(), ModelBusy),
        (proxy_page(502), ModelBusy),
        (proxy_page(404), ModelBusy),
        (json_reply(["not", "the", "API"]), ModelBusy),
        (error(404, 'model "x" not found, try pulling it first'), ModelMissing),
        (error(400, "the input length exceeds the context length"), InputRefused),
        (error(400, "embedding contains NaN or Inf"), InputRefused),
        (error(500, "json: unsupported value: NaN"), InputRefused),
        (embeds([unit_vector("one")]), InputRefused),
        (embeds([unit_vector("one"), []]), InputRefused),
        (embeds([unit_vector("one"), unit_vector("two")[:100]]), InputRefused),
        (embeds([unit_vector("one"), [math.nan] * DIMS]), InputRefused),
        (embeds([unit_vector("one"), [None] * DIMS]), InputRefused),
        (embeds([unit_vector("one"), [0.5] * DIMS]), InputRefused),
    ],
)
async def test_a_failed_embedding_says_whose_fault_it_is(
    ollama: ScriptedOllama, models: ConnectedModels, reply: Reply, meaning: type[HelpdeskError]
) -> None:
    ollama.then("/api/embed", reply)
    with pytest.raises(meaning):
        await models.embedder.embed(["one", "two"])


async def test_a_batch_that_takes_too_long_is_halved_and_the_next_ones_stay_small(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    ollama.then("/api/embed", slow(3))
    assert len(await models.embedder.embed([f"text {number}" for number in range(32)])) == 32
    assert len(await models.embedder.embed([f"more {number}" for number in range(32)])) == 32
    assert [len(body["input"]) for body in ollama.requests["/api/embed"]] == [32, 16, 16, 16, 16]


async def test_a_runtime_that_hangs_costs_three_waits_and_is_then_left_alone(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    ollama.always("/api/embed", slow(3))
    for _ in range(2):
        with pytest.raises(ModelBusy):
            await models.embedder.embed([f"text {number}" for number in range(32)])
    assert [len(body["input"]) for body in ollama.requests["/api/embed"]] == [32, 16, 8]


async def test_a_runtime_that_refuses_every_text_is_at_fault_itself(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    ollama.always("/api/embed", embeds([]))
    with pytest.raises(ModelBusy, match="refuses every text"):
        await models.embedder.embed(["one"])


async def test_a_slow_model_does_not_shut_out_another_one(ollama: ScriptedOllama, models: ConnectedModels) -> None:
    ollama.digests["large"] = "l" * 64
    ollama.then("/api/embed", *[error(503, "server busy")] * 3)
    for _ in range(3):
        with pytest.raises(ModelBusy):
            await models.embedder.named("large").embed(["one"])
    assert len(await models.embedder.embed(["one"])) == 1
    assert models.report()["embed large"]["state"] == "open"
    assert models.report()["embed"]["state"] == "closed"


async def test_a_model_cut_to_fewer_numbers_is_another_model(ollama: ScriptedOllama, models: ConnectedModels) -> None:
    cut_model = models.embedder.named("all-minilm@128")
    assert (await cut_model.identify()).digest == "e" * 64 + "@128"
    await cut_model.embed(["one"])
    assert ollama.requests["/api/embed"][0]["dimensions"] == 128


async def test_the_length_of_tokens_is_learnt_from_what_the_runtime_counts(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    assert models.embedder.chars_per_token is None
    for number in range(10):
        # One text in five is dense, two characters a token; the others have four.
        words = ("a" if number % 5 else "x") * 1000
        await models.embedder.embed([words])
    assert models.embedder.chars_per_token == pytest.approx(2.0, abs=0.05)


async def test_a_digest_that_is_asked_for_afresh_is_that_of_now(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    await models.embedder.identify()
    ollama.digests[EMBEDDING_MODEL] = "f" * 64
    assert (await models.embedder.identify()).digest == "e" * 64
    assert (await models.embedder.identify(fresh=True)).digest == "f" * 64


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        (error(503, "server busy, please try again"), ModelBusy),
        (slow(3), ModelBusy),
        (proxy_page(), ModelBusy),
        (error(404, 'model "x" not found'), ModelMissing),
        (error(400, "the prompt is too long"), InputRefused),
    ],
)
async def test_a_failed_chat_says_whose_fault_it_is(
    ollama: ScriptedOllama, models: ConnectedModels, reply: Reply, meaning: type[HelpdeskError]
) -> None:
    ollama.then("/api/chat", reply)
    with pytest.raises(meaning):
        await _ask(models)


async def test_a_cut_connection_is_tried_again_at_once(ollama: ScriptedOllama, models: ConnectedModels) -> None:
    ollama.then("/api/chat", cut())
    assert await _ask(models) == {"answer": "yes"}
    assert len(ollama.requests["/api/chat"]) == 2


@pytest.mark.parametrize(
    "reply",
    [
        says('{"answer": "y', done_reason="length"),
        says({"answer": "maybe"}),
        says({"answer": "yes", "priority": "urgent"}),
        says("Sure! Here is your JSON."),
        says("", thinking="The answer must be yes."),
    ],
)
async def test_an_unfit_answer_is_asked_for_once_more_with_more_room(
    ollama: ScriptedOllama, models: ConnectedModels, reply: Reply
) -> None:
    ollama.then("/api/chat", reply)

    answer = await models.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)

    assert (answer.value, answer.retries) == ({"answer": "yes"}, 1)
    assert [body["options"]["num_predict"] for body in ollama.requests["/api/chat"]] == [20, 40]


async def test_an_answer_that_is_unfit_twice_is_given_up(ollama: ScriptedOllama, models: ConnectedModels) -> None:
    ollama.always("/api/chat", says('{"answer"', done_reason="length"))
    with pytest.raises(AnswerUnusable):
        await _ask(models)
    assert len(ollama.requests["/api/chat"]) == 2


async def test_a_runtime_without_the_text_model_says_so_and_is_asked_again_soon(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    digest = ollama.digests.pop(TEXT_MODEL)
    assert await models.language.identify() is None
    with pytest.raises(ModelMissing):
        await _ask(models)
    ollama.digests[TEXT_MODEL] = digest
    assert (await models.embedder.identify()).digest == "e" * 64


async def test_the_list_of_models_is_asked_for_once_a_minute(ollama: ScriptedOllama, models: ConnectedModels) -> None:
    for _ in range(3):
        await models.embedder.embed(["one"])
        await _ask(models)
    assert len(ollama.requests["/api/tags"]) == 1


async def test_a_runtime_that_stays_away_is_left_alone_and_the_health_report_says_so(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    ollama.always("/api/chat", error(503, "server busy, please try again"))
    for _ in range(5):
        with pytest.raises(ModelBusy) as busy:
            await _ask(models)

    assert len(ollama.requests["/api/chat"]) == 3
    assert busy.value.retry_after >= 1
    assert models.report()["text"]["state"] == "open"
    assert "503" in models.report()["text"]["last_error"]
    assert models.report()["embed"]["state"] == "closed"
    assert len(await models.embedder.embed(["still answered"])) == 1


async def test_nobody_listening_is_noticed_within_five_seconds() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        models = connect_models(Settings(ollama_host=f"http://127.0.0.1:{taken.getsockname()[1]}"))
        started = time.monotonic()
        with pytest.raises(ModelBusy):
            await models.embedder.embed(["one"])
        assert time.monotonic() - started < 5
        await models.close()


async def test_a_model_that_ignores_its_schema_is_found_out_and_told_of_it_in_words(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    ollama.obeys = False
    ollama.then("/api/chat", says("It is."), says('Of course: ```json\n{"answer": "no"}\n```'))
    answer = await models.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)

    assert (answer.value, answer.retries, answer.options["schema_sent"]) == ({"answer": "no"}, 1, "told")
    assert ollama.probes == 1
    first, second = ollama.requests["/api/chat"]
    assert first["format"] == SCHEMA
    assert "format" not in second
    assert '"enum":["yes","no"]' in second["messages"][0]["content"]
    # The next call knows, until the model has other weights.
    await _ask(models)
    assert "format" not in ollama.requests["/api/chat"][-1]
    assert ollama.probes == 1


async def test_a_model_that_obeys_its_schema_is_tried_once_when_an_answer_does_not_fit(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    for _ in range(2):
        ollama.then("/api/chat", says({"answer": "maybe"}))
        assert await _ask(models) == {"answer": "yes"}
    assert ollama.probes == 1
    assert all(body["format"] == SCHEMA for body in ollama.requests["/api/chat"])


async def test_an_endless_answer_in_another_form_is_not_taken_for_one_that_lacked_room(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    ollama.obeys = False
    ollama.then("/api/chat", says("Well, that depends on what", done_reason="length"))
    assert await _ask(models) == {"answer": "yes"}
    assert ollama.probes == 1


async def test_the_figures_of_an_answer_are_those_of_both_calls(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    ollama.then("/api/chat", says('{"answer": "y', done_reason="length"))
    answer = await models.language.answer(PROMPT, schema=SCHEMA, max_tokens=20)
    assert (answer.prompt_tokens, answer.output_tokens, answer.total_ms) == (22, 14, 10.0)


async def test_nothing_that_should_be_kept_back_reaches_a_model(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    words = "Mail jane.roe@example.com, card 4111 1111 1111 1111, password: hunter2hunter2"
    await models.embedder.embed([words, "Nothing here."])
    await models.embedder.named("all-minilm").embed([words])
    prompt = Prompt("test", 1, "Answer in JSON.", words)
    await models.language.answer(prompt, schema=SCHEMA, max_tokens=20)
    sent = str([*ollama.requests["/api/embed"], *ollama.requests["/api/chat"]])
    assert not [secret for secret in ("jane.roe", "4111", "hunter2") if secret in sent]
    assert ollama.requests["/api/embed"][0]["input"][1] == "Nothing here."


async def test_the_room_for_prompt_and_answer_is_the_same_in_all_calls(ollama: ScriptedOllama) -> None:
    models = connect_models(Settings(ollama_host=ollama.url, text_model=TEXT_MODEL, text_context_tokens=8192))
    ollama.then("/api/chat", says("", done_reason="length"))
    await _ask(models)
    await models.close()
    assert {body["options"]["num_ctx"] for body in ollama.requests["/api/chat"]} == {8192}


async def test_what_an_answer_cost_is_known_where_it_was_unfit_twice(
    ollama: ScriptedOllama, models: ConnectedModels
) -> None:
    ollama.always("/api/chat", says('{"answer"', done_reason="length"))
    with pytest.raises(AnswerUnusable) as unusable:
        await _ask(models)
    assert (unusable.value.spent.prompt_tokens, unusable.value.spent.total_ms) == (22, 10.0)
