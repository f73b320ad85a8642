"""`atum-desk rag`: look at the search index, and change the model that makes its vectors."""

from __future__ import annotations

import typer

from helpdesk.cli.rag import backfill, change, models, status

app = typer.Typer(
    no_args_is_help=True,
    help="Look at the search index, and change the model that makes its vectors.",
    epilog="The exit code is 0, 1 when something is refused or missing, and 2 on wrong use.",
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(models.app, name="models")
app.command("status")(status.status)
app.command("backfill", epilog="\b\nExamples:\n  atum-desk rag backfill --follow\n  atum-desk rag backfill --pause")(
    backfill.backfill
)
app.command("flip", epilog="\b\nExample:\n  atum-desk rag flip --force --reason 'the old model is gone'")(change.flip)
app.command("rollback")(change.rollback)
