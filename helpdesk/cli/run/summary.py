"""What to tell when everything is up."""

from __future__ import annotations

import shlex

from helpdesk.cli.run.demo import Demo
from helpdesk.cli.run.options import Options
from helpdesk.cli.run.place import Place


def summary(options: Options, place: Place, demo: Demo | None, *, database_url: str) -> str:
    """Return the addresses, the login and what to try next."""
    base = f"http://127.0.0.1:{options.port}"
    lines = [
        "",
        "Atum Desk is up.",
        f"  API            {base}/api/v1",
        f"  API docs       {base}/docs",
        f"  Health         {base}/api/v1/health",
        f"  Data and logs  {place.folder}",
        "",
    ]
    steps = [*_demo_login(demo), "", *_try_next(base, demo)] if demo else []
    return "\n".join([*lines, *steps, *_commands(database_url, demo), "", "Ctrl-C stops everything."])


def _commands(database_url: str, demo: Demo | None) -> list[str]:
    """Return what the command line can do with this database."""
    first = [] if demo else ["  .venv/bin/atum-desk init --organization 'My desk' --admin me@example.test"]
    return [
        "With the command line" if demo else "Make an organisation to begin with, then bring in what you have",
        f"  export ATUM_DATABASE_URL={shlex.quote(database_url)}",
        *first,
        "  .venv/bin/atum-desk import tickets FILE",
        "  .venv/bin/atum-desk jobs stats",
    ]


def _demo_login(demo: Demo) -> list[str]:
    return [
        "Demo login",
        f"  organisation   {demo.loaded.slug}",
        f"  e-mail         {demo.loaded.email}",
        f"  password       {demo.state.password}",
    ]


def _try_next(base: str, demo: Demo) -> list[str]:
    sign = '-H "Authorization: Bearer $TOKEN"'
    write = f"{sign} -H 'Content-Type: application/json'"
    return [
        "Try next",
        f"  TOKEN={demo.token}",
        f"  curl -s {sign} '{base}/api/v1/tickets?limit=5'",
        f"  curl -s {write} {base}/api/v1/tickets \\",
        '    -d \'{"subject": "VPN drops every ten minutes", "body": "Error HL-809 since this morning, on Wi-Fi."}\'',
        f'  curl -s {write} {base}/api/v1/rag/search -d \'{{"query": "swollen battery"}}\'',
        f"  curl -sN {sign} {base}/api/v1/events",
        "",
    ]
