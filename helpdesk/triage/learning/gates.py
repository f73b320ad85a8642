"""The gates of triage: whether it may set a field, or one value of it, by itself, by what came of it lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.ai_policy_queries import ai_policy_of
from helpdesk.errors import NotFound
from helpdesk.models.learning import TriageGate, TriageGateChange
from helpdesk.triage.learning.examples import FIELDS
from helpdesk.triage.learning.gate_queries import StoredGate, champion_since, is_due, judged_lately, stored_gates
from helpdesk.triage.learning.gate_rule import LEAST_TO_FALL, Judged, Tally, has_fallen, has_recovered, tally, told

log = structlog.get_logger(__name__)

State: TypeAlias = Literal["open", "fallen_back"]
# Whole fields have the empty text for their value.
Key: TypeAlias = tuple[str, str]

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('gates' || CAST(:organization_id AS uuid)::text, 2))")
# Waits for a review that is on its way, which would else put back what it has read.
_LOCK_AFTER = text("SELECT pg_advisory_xact_lock(hashtextextended('gates' || CAST(:organization_id AS uuid)::text, 2))")


@dataclass(frozen=True)
class Gate:
    """What is known of a field, or of one value of it, that triage might set by itself.

    Attributes:
        threshold: from which probability on it may be set, where running accuracy says something of that; None leaves
            it to what the classifier measured.
        running_accuracy: the share of the predictions judged lately that was right; None of none.
        judged: how many were judged lately, untouched ones by half.
        fallen_back: whether it may only be offered now.
        reason: in a sentence.
    """

    threshold: float | None
    running_accuracy: float | None
    judged: int
    fallen_back: bool
    reason: str


class GateNotFound(NotFound):
    """Triage has no such gate: nothing was predicted of this field or value."""


async def gates_of(
    session: AsyncSession, *, organization_id: UUID, now: datetime
) -> dict[tuple[str, str | None], Gate]:
    """Return the gates by field and value, None for a field as such; those in need of it are looked at anew.

    They are when somebody judged a prediction since, when another classifier is in use, and each hour.
    """
    stored = await stored_gates(session, organization_id=organization_id)
    if await is_due(session, organization_id=organization_id, stored=stored.values(), now=now):
        stored = await review_gates(session, organization_id=organization_id, now=now)
    return {(field, value or None): _gate(gate) for (field, value), gate in stored.items()}


async def review_gates(session: AsyncSession, *, organization_id: UUID, now: datetime) -> dict[Key, StoredGate]:
    """Look at all gates of an organisation anew, and let fall or open those whose time it is.

    Two reviews at once are one: the second finds the lock taken, and returns what is stored.
    """
    if not await session.scalar(_LOCK, {"organization_id": organization_id}):
        return await stored_gates(session, organization_id=organization_id)
    stored = await stored_gates(session, organization_id=organization_id)
    policy = (await ai_policy_of(session, organization_id=organization_id)).triage
    judged = await judged_lately(session, organization_id=organization_id, policy=policy, now=now)
    since = await champion_since(session, organization_id=organization_id)
    found = _reviewed(stored, judged, since, now)
    changed = [key for key, gate in found.items() if gate.state != (stored[key].state if key in stored else "open")]
    await _store(session, organization_id=organization_id, gates=found, now=now)
    for key in changed:
        _note(session, organization_id, key, found[key], user_id=None, now=now)
    await session.flush()
    return found


async def reopen_gate(
    session: AsyncSession, *, organization_id: UUID, field: str, value: str | None, user_id: UUID | None, now: datetime
) -> Gate:
    """Let triage set a field or value by itself again; only what is predicted from now on counts.

    Raises:
        GateNotFound: there is no such gate.
    """
    key = (field, value or "")
    await session.execute(_LOCK_AFTER, {"organization_id": organization_id})
    stored = await stored_gates(session, organization_id=organization_id, lock=True)
    if key not in stored:
        raise GateNotFound
    if stored[key].state == "open":
        return _gate(stored[key])
    gate = StoredGate("open", "An administrator opened it again.", Tally(), now, now, now, falls=0)
    await _store(session, organization_id=organization_id, gates={key: gate}, now=now)
    _note(session, organization_id, key, gate, user_id=user_id, now=now)
    await session.flush()
    return _gate(gate)


def _reviewed(
    stored: Mapping[Key, StoredGate], judged: Sequence[Judged], champion: datetime | None, now: datetime
) -> dict[Key, StoredGate]:
    """Return every gate as it stands now: values first, since a field is not blamed for a value that is shut."""
    values: dict[Key, list[Judged]] = {}
    for one in judged:
        values.setdefault((one.field, one.value), []).append(one)
    enough = {key for key, ones in values.items() if sum(one.weight for one in ones) >= LEAST_TO_FALL}
    keys = enough | {key for key in stored if key[1]}
    found = {key: _looked_at(stored.get(key), values.get(key, []), champion, now) for key in sorted(keys)}
    fields = {*FIELDS, *(one.field for one in judged), *(field for field, _ in stored)}
    for field in sorted(fields):
        own = [one for one in judged if one.field == field and _is_open_case(found.get((field, one.value)), one)]
        found[field, ""] = _looked_at(stored.get((field, "")), own, champion, now)
    return found


def _is_open_case(gate: StoredGate | None, one: Judged) -> bool:
    """Return whether a judgement speaks of the field: not where the gate of its value has answered for it."""
    if gate is None:
        return True
    return gate.state == "open" and (gate.counted_from is None or one.made_at > gate.counted_from)


def _looked_at(
    gate: StoredGate | None, judged: Sequence[Judged], champion: datetime | None, now: datetime
) -> StoredGate:
    before = gate or StoredGate("open", "Nothing was judged yet.", Tally(), None, now, now, falls=0)
    found = tally(judged, since=before.counted_from)
    current = replace(before, tally=found, reviewed_at=now)
    if before.state == "open":
        if has_fallen(found):
            return replace(
                current, state="fallen_back", reason=f"It fell back: {told(found)}.", counted_from=now, changed_at=now
            )
        return replace(current, reason=f"It is open: {told(found)}.")
    if has_recovered(found):
        return replace(current, state="open", reason=f"It recovered: {told(found)} since it fell back.", changed_at=now)
    # A later classifier gets its chance once; where it fell soon after, people's judgements have to speak for it.
    if champion is not None and champion > before.changed_at and before.falls <= 1:
        reason = "Another classifier is in use since it fell back."
        return replace(current, state="open", reason=reason, tally=Tally(), counted_from=champion, changed_at=now)
    return current


def _gate(stored: StoredGate) -> Gate:
    return Gate(
        threshold=None,
        running_accuracy=stored.tally.accuracy,
        judged=round(stored.tally.judged),
        fallen_back=stored.state == "fallen_back",
        reason=stored.reason,
    )


async def _store(
    session: AsyncSession, *, organization_id: UUID, gates: Mapping[Key, StoredGate], now: datetime
) -> None:
    rows = [
        {
            "organization_id": organization_id,
            "field": field,
            "value": value,
            "state": gate.state,
            "reason": gate.reason,
            "judged": gate.tally.judged,
            "correct": gate.tally.correct,
            "floor": gate.tally.floor,
            "counted_from": gate.counted_from,
            "changed_at": gate.changed_at,
            "reviewed_at": now,
        }
        for (field, value), gate in sorted(gates.items())
    ]
    statement = insert(TriageGate).values(rows)
    keys = {"organization_id", "field", "value"}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=sorted(keys),
            set_={name: statement.excluded[name] for name in rows[0] if name not in keys},
        )
    )


def _note(  # noqa: PLR0917 -- which gate, how it stands, and who did it
    session: AsyncSession, organization_id: UUID, key: Key, gate: StoredGate, user_id: UUID | None, now: datetime
) -> None:
    field, value = key
    session.add(
        TriageGateChange(
            organization_id=organization_id,
            field=field,
            value=value,
            state=gate.state,
            reason=gate.reason,
            judged=gate.tally.judged,
            correct=gate.tally.correct,
            floor=gate.tally.floor,
            user_id=user_id,
            created_at=now,
        )
    )
    log.warning("triage_gate_changed", field=field, value=value or None, state=gate.state, reason=gate.reason)
