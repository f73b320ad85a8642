"""An agent who asks, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from starlette.responses import Response

from helpdesk.ai.model import Embedder, Models
from helpdesk.asking.answering import Asking, answer_question
from helpdesk.asking.events import Abstained, Done, Event, SentenceGiven, SourcesFound
from helpdesk.asking.question import Asked
from helpdesk.rag.embedding.vectors import QueryVectors
from tests.database.ai.desk import AiDesk
from tests.database.desk import NOW
from tests.scripted_ollama import Reply, says


@dataclass
class Told:
    """The events of one answer, apart."""

    events: list[Event]

    @property
    def sources(self) -> list[dict[str, Any]]:
        return [source for event in self.events if isinstance(event, SourcesFound) for source in event.sources]

    @property
    def sentences(self) -> list[SentenceGiven]:
        return [event for event in self.events if isinstance(event, SentenceGiven)]

    @property
    def text(self) -> str:
        return "\n".join(sentence.text for sentence in self.sentences)

    @property
    def abstained(self) -> Abstained | None:
        return next((event for event in self.events if isinstance(event, Abstained)), None)

    @property
    def done(self) -> Done:
        last = self.events[-1]
        assert isinstance(last, Done)
        return last

    def cited(self, name: str = "title") -> set[Any]:
        cites = {cite for sentence in self.sentences for cite in sentence.cites}
        return {source.get(name) for source in self.sources if source["id"] in cites}


@dataclass
class Asker:
    """Asks a desk, by default with the text model that a test scripts."""

    desk: AiDesk
    embedder: Embedder | None = None
    settings: dict[str, Any] = field(default_factory=lambda: {"ask_phrasing": "always"})
    user_id: UUID | None = None

    async def ask(self, question: str, *, organization_id: UUID | None = None, **wanted: Any) -> Told:
        return Told([event async for event in self.answering(question, organization_id=organization_id, **wanted)])

    def answering(self, question: str, *, organization_id: UUID | None = None, **wanted: Any) -> Any:
        embedder = self.embedder or self.desk.models.embedder
        asking = Asking(
            database=self.desk.database,
            models=Models(embedder=embedder, language=self.desk.models.language),
            query_vectors=QueryVectors(embedder),
            settings=self.desk.settings.model_copy(update=self.settings),
            organization_id=organization_id or self.desk.organization_id,
            user_id=self.user_id,
            now=NOW,
        )
        return answer_question(asking, Asked(question, **wanted))


def answers(*sentences: tuple[str, str], answerable: bool = True, missing: str = "") -> Reply:
    """Say sentences, each citing the source that has certain words; a source that none has is S9."""

    def reply(body: dict[str, Any]) -> Response:
        shown = dict(re.findall(r"^(S\d|T):\n(.*?)(?=^===)", body["messages"][-1]["content"], re.DOTALL | re.MULTILINE))
        said = [
            {"text": text, "cites": [next((name for name, words in shown.items() if where in words), "S9")]}
            for text, where in sentences
        ]
        return says({"answerable": answerable, "missing": missing, "sentences": said})(body)

    return reply
