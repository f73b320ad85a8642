"""Vectors of what is typed or pasted into a search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from helpdesk.rag.embedding.retention import PRUNE_INPUT_VECTORS
from helpdesk.rag.embedding.vectors import QueryVectors, vectors_for
from tests.database.rag.conftest import Desk

_LINE = (
    "2026-11-22T13:37:15.123Z [ERROR] c.k.vpn.Tunnel - handshake failed: HL-809 ETIMEDOUT 10.42.7.19:443 (attempt=3/5, "
    "sid=0x7f3a9c) at com.example.vpn.TunnelManager$Worker.run(TunnelManager.java:412) ~[vpn-client-5.3.1.jar:5.3.1]\n"
)


async def test_a_pasted_log_that_fills_the_model_is_compared_by_its_beginning(desk: Desk) -> None:
    await desk.publish("VPN error HL-809", "The VPN gateway did not answer. Connect the tunnel again.")
    await desk.index_all()
    log = _LINE * 10
    vectors, scope = QueryVectors(desk.embedder), {"organization_id": desk.organization_id}
    assert await vectors.vector_of(desk.database, log, **scope) is not None
    tried = len(desk.embedder.texts)
    assert desk.embedder.texts[-1] != desk.embedder.texts[-2]
    assert await vectors.vector_of(desk.database, log, **scope) is not None
    assert len(desk.embedder.texts) == tried, "it is remembered under the whole text"
    answer = await desk.find(log)
    assert not answer.degraded
    assert answer.results[0].signals["sim"] is not None


async def test_vectors_past_their_time_are_removed_and_made_again_when_needed(desk: Desk) -> None:
    await desk.publish("VPN error HL-809", "The VPN gateway did not answer. Connect the tunnel again.")
    await desk.index_all()
    scope = {"organization_id": desk.organization_id, "now": datetime.now(UTC)}
    for words in ("printer jam", "mailbox full"):
        await vectors_for(desk.database, desk.embedder, texts=[words], **scope)
    age = text("UPDATE rag_input_vectors SET created_at = created_at - interval '366 days' WHERE input_hash = "
               "(SELECT input_hash FROM rag_input_vectors ORDER BY input_hash LIMIT 1)")  # fmt: skip
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(age)
    removed = []
    for _ in range(2):
        async with desk.database.transaction(None, role="atum_worker") as session:
            connection = await session.connection()
            found = await connection.exec_driver_sql(PRUNE_INPUT_VECTORS, (timedelta(days=365), 10))
            removed.append(found.rowcount)
    assert removed == [1, 0]
    tried = len(desk.embedder.texts)
    await vectors_for(desk.database, desk.embedder, texts=["printer jam", "mailbox full"], **scope)
    assert len(desk.embedder.texts) == tried + 1
