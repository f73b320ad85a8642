"""A text model over any protocol: turns, breaker, one more try, every answer checked against its schema."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from helpdesk.ai.model import Answer, AnswerUnusable, ModelIdentity, ModelMissing, Prompt, Spent, metered
from helpdesk.ai.providers.breaker import Breaker
from helpdesk.ai.providers.call_log import text_call
from helpdesk.ai.providers.schemas import PROBE, PROBE_SCHEMA, PROBE_TOKENS, checked_answer, told
from helpdesk.ai.providers.speaking import TOLD, SchemaRefused, Speaker
from helpdesk.ai.providers.speed import Speed
from helpdesk.ai.providers.turns import Turns
from helpdesk.observability.metrics import models
from helpdesk.redaction import redacted

log = structlog.get_logger(__name__)

# What the record of a call says of the way its schema was sent, where it was not the first.
_WAY = "schema_sent"


class TextModel:
    """Answers prompts with one model of one runtime.

    Args:
        turns: whose call is next in this process and others.

    Attributes:
        speed: tokens of answers a second.
    """

    def __init__(
        self,
        speaker: Speaker,
        *,
        breaker: Breaker,
        turns: Turns,
        speed: Speed | None = None,
        interactive: bool = False,
    ) -> None:
        self.name = speaker.name
        self.breaker = breaker
        self._speaker = speaker
        self._turns = turns
        self._is_interactive = interactive
        # The place in the ways of sending a schema, by digest; and those of which it is known that they are obeyed.
        self._first_way = 0
        self.speed = Speed() if speed is None else speed
        self._ways: dict[str, int] = {}
        self._proven: set[tuple[str, int]] = set()

    @property
    def why_not(self) -> str:
        """Return why there was no model when it was last asked for; empty where there was one."""
        return self._speaker.why_not

    def interactive(self) -> TextModel:
        """Return the same model with calls that a person waits for, which go before others."""
        twin = TextModel(self._speaker, breaker=self.breaker, turns=self._turns, speed=self.speed, interactive=True)
        twin._ways, twin._proven = self._ways, self._proven
        return twin

    def adjusted(self, *, name: str | None = None, options: Mapping[str, Any] | None = None) -> TextModel:
        """Return another model of the same runtime, or the same one with the options of a record."""
        options = dict(options or {})
        way = options.pop(_WAY, None)
        speaker = self._speaker.adjusted(name=name, options=options)
        twin = TextModel(speaker, breaker=self.breaker, turns=self._turns, interactive=self._is_interactive)
        if way in speaker.ways:
            twin._first_way = speaker.ways.index(way)
        return twin

    async def identify(self) -> ModelIdentity | None:
        """Return which model answers, None when there is none that may be asked; raise ModelBusy."""
        return await self._speaker.identify()

    async def answer(self, prompt: Prompt, *, schema: dict[str, Any] | None, max_tokens: int) -> Answer:
        """Return an answer that fits the JSON schema (any text when it is None).

        An answer that was cut short or does not fit is asked for once more, with room for twice as many tokens, and
        in another way where this one is found to be ignored. The figures are those of both calls together.

        Raises:
            ModelBusy: the runtime is away or overloaded.
            ModelMissing: it does not have the model.
            InputRefused: the prompt is too long for the model.
            AnswerUnusable: the answer was cut short or does not fit, twice.
        """
        identity = await self._speaker.identify()
        if identity is None:
            raise ModelMissing(self.why_not)
        prompt = _guarded(prompt)
        async with self._turns.turn(interactive=self._is_interactive):
            try:
                return await self._attempt(prompt, schema, max_tokens, identity)
            except AnswerUnusable as first:
                models.unusable(identity.name)
                if not first.cut_short and schema is not None:
                    await self._find_a_way(identity)
                return await self._again(prompt, schema, max_tokens * 2, identity, first.spent)

    async def _again(
        self, prompt: Prompt, schema: dict[str, Any] | None, max_tokens: int, identity: ModelIdentity, spent: Spent
    ) -> Answer:
        try:
            answer = await self._attempt(prompt, schema, max_tokens, identity)
        except AnswerUnusable as second:
            models.unusable(identity.name)
            raise AnswerUnusable(second.detail, cut_short=second.cut_short, spent=spent + second.spent) from second
        both = spent + Spent(answer.prompt_tokens, answer.output_tokens, answer.total_ms)
        return replace(
            answer,
            retries=1,
            prompt_tokens=both.prompt_tokens,
            output_tokens=both.output_tokens,
            total_ms=both.total_ms,
        )

    async def _attempt(
        self, prompt: Prompt, schema: dict[str, Any] | None, max_tokens: int, identity: ModelIdentity
    ) -> Answer:
        """Make one call, in the first way of sending a schema that the runtime does not refuse."""
        while True:
            place = self._ways.get(identity.digest, self._first_way)
            try:
                return await self._in_this_way(prompt, schema, max_tokens, identity, self._speaker.ways[place])
            except SchemaRefused as refused:
                if place + 1 == len(self._speaker.ways):
                    raise
                self._use(identity, place + 1, why=refused.detail)

    async def _in_this_way(
        self, prompt: Prompt, schema: dict[str, Any] | None, max_tokens: int, identity: ModelIdentity, way: str
    ) -> Answer:
        sent = prompt if schema is None or way != TOLD else told(prompt, schema)
        began = time.perf_counter()
        with text_call(identity.name, prompt) as called, self.breaker.guard(), metered():
            called.sent = True
            said = await self._speaker.say(sent, identity=identity, schema=schema, way=way, max_tokens=max_tokens)
            called.prompt_tokens, called.output_tokens = said.prompt_tokens, said.output_tokens
        took_ms = said.eval_ms or said.total_ms or (time.perf_counter() - began) * 1000
        self.speed.learn(said.output_tokens, took_ms / 1000)
        if said.total_ms is None:
            said = replace(said, total_ms=round((time.perf_counter() - began) * 1000, 1))
        if schema is not None and way != self._speaker.ways[0]:
            said = replace(said, options={**said.options, _WAY: way})
        return checked_answer(said, schema=schema, identity=identity, unwrap=way == TOLD)

    async def _find_a_way(self, identity: ModelIdentity) -> None:
        """Go on to the first way of sending a schema that the model is held to; the last one promises nothing."""
        last = len(self._speaker.ways) - 1
        place = self._ways.get(identity.digest, self._first_way)
        while place < last and (identity.digest, place) not in self._proven:
            if await self._obeys(identity, self._speaker.ways[place]):
                self._proven.add((identity.digest, place))
                return
            place += 1
            self._use(identity, place, why="The model ignores it.")

    async def _obeys(self, identity: ModelIdentity, way: str) -> bool:
        try:
            await self._in_this_way(PROBE, PROBE_SCHEMA, PROBE_TOKENS, identity, way)
        except AnswerUnusable as unfit:
            # Whatever came before it was cut short was in another form, or it would not have become so long.
            log.info("schema_probe_failed", model=identity.name, way=way, reason=unfit.detail)
            return False
        except SchemaRefused:
            return False
        return True

    def _use(self, identity: ModelIdentity, place: int, *, why: str) -> None:
        self._ways[identity.digest] = place
        log.warning("schema_sent_otherwise", model=identity.name, way=self._speaker.ways[place], reason=why)


def _guarded(prompt: Prompt) -> Prompt:
    """Return the prompt redacted; it should be so already, and a log line says where it was not."""
    user = redacted(prompt.user)
    if user == prompt.user:
        return prompt
    log.warning("prompt_was_not_redacted", prompt_id=prompt.id, prompt_version=prompt.version)
    return replace(prompt, user=user)
