"""The API, where it is to run on this host."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from helpdesk.doctor.examinations.units import enabled_units, units_here
from helpdesk.doctor.finding import error, ok, skipped
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check

_PATIENCE_S = 3.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- what is listened on, not to be listened on


@dataclass(frozen=True)
class Api:
    """The API of this host's settings.

    Attributes:
        expected: whether it is to run here: systemd has its unit up or enabled, or there is no systemd to tell.
        by_systemd: whether systemd is who starts it.
    """

    url: str
    answers: bool
    expected: bool
    by_systemd: bool


async def api_here(patient: Patient) -> Api:
    """Ask the API that this host's settings name whether it is ready; it may be that the database is not."""
    settings = patient.settings
    host = _ANY.get(settings.api_host, settings.api_host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.api_port}"
    units = await units_here(patient)
    by_systemd = not isinstance(units, str)
    enabled = set() if isinstance(units, str) else {name.partition(".")[0] for name in enabled_units(units)}
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_S, trust_env=False) as client:
            answers = (await client.get(f"{url}/api/v1/ready")).status_code in {200, 503}
    except (httpx.HTTPError, httpx.InvalidURL):
        answers = False
    return Api(url, answers, expected=not by_systemd or "atum-desk-api" in enabled, by_systemd=by_systemd)


@check("host.api", "whether the API answers, where it is to run on this host")
async def api(patient: Patient) -> Looked:
    """Ask the API whether it is ready."""
    found = await api_here(patient)
    if found.answers:
        return ok(f"The API answers at {found.url}.", url=found.url)
    if found.by_systemd and found.expected:
        remedy = "`systemctl status atum-desk-api`; is ATUM_API_PORT the port of atum-desk-api.socket?"
        return error(f"The API does not answer at {found.url}.", remedy, url=found.url)
    return skipped(f"No API answers at {found.url}; nothing says that one is to run on this host.")
