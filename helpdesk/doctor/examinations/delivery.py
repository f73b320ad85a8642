"""What leaves: the mail server, and the addresses that are told of events."""

from __future__ import annotations

import aiosmtplib

from helpdesk.doctor.finding import error, ok, skipped, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check
from helpdesk.notifications.mail.mailer import greet
from helpdesk.redaction import redacted

_WEBHOOKS = """
SELECT o.slug, w.id, w.state, w.failing_since, left(w.state_reason, 200) AS reason
  FROM webhook_endpoints w JOIN organizations o ON o.id = w.organization_id
 WHERE w.state <> 'active' ORDER BY w.failing_since NULLS LAST
"""
_SHOWN = 3


@check("delivery.mail", "whether the mail server answers", longest_s=10)
async def mail(patient: Patient) -> Looked:
    """Greet the mail server, and log in where a name is set; nothing is sent."""
    if patient.settings.smtp_url is None:
        return skipped("ATUM_SMTP_URL is not set: no mail is sent.")
    try:
        said = await greet(patient.settings, timeout_s=4)
    except (aiosmtplib.SMTPException, OSError) as failure:
        says = f"The mail server does not let us in: {type(failure).__name__}: {redacted(str(failure))}."
        return error(says, "Look at ATUM_SMTP_URL, and whether this host may connect to it; mail waits until then.")
    return ok(f"The mail server answers: {said}.")


@check("delivery.webhooks", "which webhooks fail or are paused", database=True)
async def webhooks(patient: Patient) -> Looked:
    """Look for addresses that are not told of events any more."""
    async with patient.reading("atum_owner") as connection:
        rows = await connection.fetch(_WEBHOOKS)
    failing = [row for row in rows if row["state"] == "failing"]
    if failing:
        told = "; ".join(f"{row['slug']} {row['id']} ({row['reason'] or 'no reason'})" for row in failing[:_SHOWN])
        remedy = "GET /api/v1/webhooks of that organisation has the last answers; tell whoever runs the receiver."
        return warning(f"{len(failing)} webhooks fail: {told}.", remedy, failing=len(failing))
    return ok(f"No webhook fails; {len(rows)} are paused.", paused=len(rows))
