"""What every log event about a job names."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from helpdesk.queue.claim import JobInHand
from workers.job_log import identity

NOW = datetime(2026, 3, 3, tzinfo=UTC)
JOB, ORGANIZATION, TICKET = (UUID(int=n) for n in (1, 2, 3))
TRACE = "0af7651916cd43dd8448eb211c80319c"


def a_job(payload: dict[str, Any], **values: Any) -> JobInHand:
    usual: dict[str, Any] = {
        "id": JOB,
        "organization_id": ORGANIZATION,
        "job_type": "TRIAGE_TICKET",
        "payload": json.dumps(payload),
        "lease": 1,
        "attempt": 2,
        "retry_count": 0,
        "max_retries": 5,
        "timeout_s": None,
        "run_after": NOW,
        "created_at": NOW,
        "trace_parent": None,
        "locked_by": UUID(int=4),
    }
    return JobInHand(**usual | values)


ALWAYS = {"job_id": str(JOB), "job_type": "TRIAGE_TICKET", "organization_id": str(ORGANIZATION), "attempt": 2}


def test_a_job_names_its_ticket_its_request_and_its_trace() -> None:
    job = a_job({"ticket_id": str(TICKET)}, request_id="r-1", trace_parent=f"00-{TRACE}-{'b' * 16}-01")

    assert identity(job) == ALWAYS | {"ticket_id": str(TICKET), "request_id": "r-1", "trace_id": TRACE}


def test_what_is_not_known_is_not_named() -> None:
    assert identity(a_job({"ticket_id": None}, trace_parent="00-a-b-01")) == ALWAYS


def test_no_text_of_a_payload_is_taken_for_a_ticket() -> None:
    forged = {"text": f'"ticket_id": "{TICKET}"', "more": ["\\", f'x", "ticket_id": "{TICKET}']}

    assert identity(a_job(forged)) == ALWAYS
