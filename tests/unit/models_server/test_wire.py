from __future__ import annotations

import argparse

import pytest

from api.models_server.__main__ import loopback_address
from api.models_server.wire import ApiError, ChatRequest, EmbedRequest, GenerateRequest


def chat(**body: object) -> ChatRequest:
    return ChatRequest.model_validate({"model": "m", "messages": [{"role": "user", "content": "hi"}], **body})


def test_options_take_the_names_and_defaults_of_the_runtime() -> None:
    call = chat(options={"num_predict": 20, "temperature": 0, "stop": "END", "num_ctx": 8192}).call()

    assert (call["max_tokens"], call["temperature"], call["stop"]) == (20, 0, ["END"])
    assert (call["top_k"], call["top_p"], call["repeat_penalty"], call["seed"]) == (40, 0.9, 1.1, -1)
    assert "num_ctx" not in call
    assert "num_predict" not in call


@pytest.mark.parametrize("limit", [-2, -1, 0])
def test_no_limit_means_as_much_as_fits(limit: int) -> None:
    assert chat(options={"num_predict": limit}).call()["max_tokens"] == -1


def test_a_null_means_the_default() -> None:
    body = chat(options={"seed": None}, format=None, stream=None, think=None)

    assert body.stream is True
    assert body.call()["seed"] == -1


def test_a_schema_and_json_become_response_formats() -> None:
    schema = {"type": "object"}

    assert chat(format="json").call()["response_format"] == {"type": "json_object"}
    assert chat(format=schema).call()["response_format"]["json_schema"]["schema"] == schema
    assert "response_format" not in chat(format="").call()


def test_a_prompt_becomes_a_conversation_with_its_system_message() -> None:
    call = GenerateRequest.model_validate({"model": "m", "prompt": "hi", "system": "be brief"}).call()

    assert call["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    "extra",
    [
        {"format": "xml"},
        {"think": True},
        {"think": "high"},
        {"tools": [{"type": "function"}]},
        {"messages": [{"role": "user", "content": "look", "images": ["aGk="]}]},
    ],
)
def test_what_is_not_there_is_refused(extra: dict[str, object]) -> None:
    with pytest.raises(ApiError) as refused:
        chat(**extra).call()

    assert refused.value.status == 400


@pytest.mark.parametrize("field", ["suffix", "template", "raw"])
def test_ways_of_prompting_that_are_not_there_are_refused(field: str) -> None:
    value = True if field == "raw" else "x"
    with pytest.raises(ApiError, match=f"does not support {field}"):
        GenerateRequest.model_validate({"model": "m", "prompt": "hi", field: value}).call()


@pytest.mark.parametrize(("given", "texts"), [("a", ["a"]), (["a", ""], ["a", ""]), ("", []), ([], []), (None, [])])
def test_inputs_are_one_text_or_many(given: object, texts: list[str]) -> None:
    assert EmbedRequest.model_validate({"model": "m", "input": given}).texts() == texts


def test_older_clients_say_name_for_model() -> None:
    assert EmbedRequest.model_validate({"name": "m"}).model == "m"


@pytest.mark.parametrize(("given", "used"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("::1", "::1")])
def testloopback_address_addresses_are_accepted(given: str, used: str) -> None:
    assert loopback_address(given) == used


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_addresses_are_not(host: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        loopback_address(host)
