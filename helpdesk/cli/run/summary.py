"""What to tell when everything is up."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from helpdesk.cli.run.demo import Demo
from helpdesk.cli.run.options import Options
from helpdesk.cli.run.place import Place

# What commands need of a run: they find one in the checkout's own folder by themselves, and none elsewhere.
_OF_COMMANDS = ("ATUM_DATABASE_URL", "ATUM_DATA_DIR", "ATUM_OLLAMA_HOST")


def summary(options: Options, place: Place, demo: Demo | None, *, environment: Mapping[str, str]) -> str:
    """Return the addresses, the login and what to try next; `environment` is that of the run's processes."""
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
    return "\n".join([*lines, *steps, *_commands(environment, demo), "", "Ctrl-C stops everything."])


def _commands(environment: Mapping[str, str], demo: Demo | None) -> list[str]:
    """Return what the command line can do with this database."""
    first = [] if demo else ["  .venv/bin/atum-desk init --organization 'My desk' --admin me@example.test"]
    return [
        "With the command line" if demo else "Make an organisation to begin with, then bring in what you have",
        *(f"  export {name}={shlex.quote(environment[name])}" for name in _OF_COMMANDS),
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
