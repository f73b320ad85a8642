"""`atum-desk restore`: the same as `atum-desk backup restore`, for those in a hurry."""

from __future__ import annotations

import typer

from helpdesk.cli.backup import restore

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command()(restore)
