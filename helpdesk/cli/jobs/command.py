"""`atum-desk jobs`: look at background jobs, and set them right."""

from __future__ import annotations

from collections.abc import Callable

import typer

from helpdesk.cli.jobs import act, limits, look, machinery, tail
from helpdesk.queue.plugins import load_job_types

app = typer.Typer(
    no_args_is_help=True,
    help="Look at background jobs, and set them right.",
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback(
    epilog="Every command takes --json. The exit code is 0, 1 when there is no such thing or its state does not allow "
    "it, and 2 on wrong use."
)
def _jobs() -> None:
    """Look at background jobs, and set them right."""
    load_job_types()


_JOB = "0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11"
_COMMANDS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "list": (
        look.list_jobs,
        ("list --status dead_letter --type SEND_EMAIL", "list --error 'connection refused' --json"),
    ),
    "show": (look.show, (f"show {_JOB}",)),
    "stats": (look.stats, ("stats", "stats --all --json")),
    "dead": (look.dead, ("dead", "dead --type SEND_EMAIL")),
    "tail": (tail.tail, ("tail -f", "tail -f --event dead_lettered --event rescued --json")),
    "enqueue": (
        act.enqueue,
        ("""enqueue METRICS_SNAPSHOT '{"bucket_start": "2026-03-03T10:00:00Z"}' --priority high""",),
    ),
    "retry": (
        act.retry,
        (f"retry {_JOB}", "retry --type SEND_EMAIL --error 'connection refused' --spread 600", "retry --all-dead"),
    ),
    "cancel": (act.cancel, (f"cancel {_JOB}", "cancel --type SMART_REPLY --reason 'imported by mistake'")),
    "pause": (machinery.pause, ("pause SEND_EMAIL --reason 'the mail server is being moved'", "pause ai")),
    "resume": (machinery.resume, ("resume SEND_EMAIL",)),
    "workers": (machinery.workers, ("workers",)),
    "cron": (machinery.cron, ("cron",)),
    "types": (machinery.types, ("types",)),
}


def _epilog(examples: tuple[str, ...]) -> str:
    # The backspace keeps click from filling the lines up to a paragraph.
    return "\b\nExamples:\n" + "\n".join(f"  atum-desk jobs {example}" for example in examples)


for _name, (_command, _examples) in _COMMANDS.items():
    app.command(_name, epilog=_epilog(_examples))(_command)
app.add_typer(limits.app, name="limit")
