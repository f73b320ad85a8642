"""Prompts are files; one that has been used never changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from helpdesk.ai.prompting import templates
from helpdesk.ai.prompting.templates import build, load, prompt_ids, versions_of

# A changed hash means a changed prompt: leave the file as it was, and write the next version instead.
HASHES = {
    ("ask-answer", 1): "0ed0e9c315a01ce9f3453abc8e4ecbd61d33141a6157a9b64599e101db7596ec",
    ("ask-answer", 2): "f12026daa2fc9b9adc4ea6d52a51b6c0f894d7a3886f056b099e5c691a88a025",
    ("reply-draft", 1): "b54189045238a227cf8b932e77ed77d15a1489c73422645a2cf425320d288c80",
    ("reply-topic", 1): "1779c5d574445ec2afe48e0dadc8453f7e1eb61d8a5acc462c14cabdff8bc75a",
    ("triage", 1): "eea66edf983a1722dc8e4979cae9dccf1c35e1ca5e84be7ac923f55c57967467",
    ("triage", 2): "d93c2f60dbb700417611387c7754a35286949f8d3bbf7dbe5c77e5232fb98e82",
}


def _all() -> list[tuple[str, int]]:
    return [(prompt_id, version) for prompt_id in prompt_ids() for version in versions_of(prompt_id)]


def test_no_version_of_a_prompt_has_changed() -> None:
    assert {key: load(*key).sha for key in _all()} == HASHES


def test_versions_are_counted_without_gaps_and_the_newest_one_is_used() -> None:
    for prompt_id in prompt_ids():
        versions = versions_of(prompt_id)
        assert versions == tuple(range(1, len(versions) + 1))
        assert load(prompt_id) == load(prompt_id, versions[-1])


def test_the_changelog_tells_of_every_version() -> None:
    changelog = (templates.FILES.parent / "CHANGELOG.md").read_text()
    sections = {part.splitlines()[0].strip(): part for part in changelog.split("\n## ")[1:]}
    for prompt_id, version in _all():
        assert f"\n- {version}: " in sections[prompt_id], f"{prompt_id} {version}"
        assert load(prompt_id, version).changed


@pytest.mark.parametrize(("prompt_id", "version"), _all())
def test_every_prompt_says_what_fences_the_data(prompt_id: str, version: int) -> None:
    text = load(prompt_id, version).text
    assert "{{ boundary }}" in text
    assert ("{{ mark }}" in text) == load(prompt_id, version).marked
    if version == versions_of(prompt_id)[-1] and version > 1:
        assert "{{ canary }}" in text


def test_a_prompt_that_is_not_there_and_a_place_that_is_not_filled_are_refused() -> None:
    with pytest.raises(KeyError):
        load("no-such-prompt")
    with pytest.raises(KeyError):
        load("triage", 99)
    with pytest.raises(UndefinedError):
        build("triage", version=1, data={"ticket": "x"}, fill={})
    with pytest.raises(KeyError):
        build("triage", version=1, data={"other": "x"}, fill={"choices": "x"})


def test_the_files_are_where_a_wheel_takes_them_from() -> None:
    assert Path(templates.__file__).parent in templates.FILES.parents
