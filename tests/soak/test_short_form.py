"""The soak for a quarter of a minute: too short to see anything grow, long enough to see that it looks."""

from __future__ import annotations

from tests.soak.run import soak

ALWAYS_KEPT = {"failures", "connections"}


async def test_a_short_soak_asks_for_everything_watches_everything_and_finds_nothing_lost() -> None:
    said: list[str] = []
    found = await soak(minutes=0.25, visits_per_s=3, seed=1, settle_s=0, tell=said.append)
    assert {request.kind for request in found.requests} == {"open", "list", "search", "read", "reply"}
    assert [request for request in found.requests if request.failed] == []
    assert len(found.samples) >= 6
    assert all(set(sample.memory_bytes) == {"models", "api", "job", "rag", "sla"} for sample in found.samples)
    assert all(min(sample.memory_bytes.values()) > 20e6 for sample in found.samples)
    assert max(sum(sample.connections.values()) for sample in found.samples) <= 10 + 6 + 4 + 4 + 1
    assert {verdict.name for verdict in found.verdicts} >= ALWAYS_KEPT
    assert [verdict for verdict in found.verdicts if verdict.name == "failures" and not verdict.kept] == []
    assert len(said) == 10
