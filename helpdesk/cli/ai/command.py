"""`atum-desk ai`: what models were asked and said, and how well they do."""

from __future__ import annotations

import typer

from helpdesk.cli.ai import check, diff, eval_command, policy, replay, runs, show

app = typer.Typer(
    no_args_is_help=True,
    help="Look at what models were asked and said, and ask them again.",
    epilog="The exit code is 0, 1 when something differs, is refused or missing, and 2 on wrong use.",
    add_completion=False,
    rich_markup_mode=None,
)
app.command(
    "runs", epilog="\b\nExamples:\n  atum-desk ai runs --kind triage --limit 5\n  atum-desk ai runs --ticket 12"
)(runs.runs)
app.command("show")(show.show)
app.command(
    "replay",
    epilog="\b\nExample:\n  atum-desk ai replay --kind triage --last 20 --model other:7b\n\n"
    "The exit code is 0 when every output is the same, 1 when one differs, 2 when nothing could be asked again.",
)(replay.replay)
app.command("diff", epilog="The exit code is 0 when nothing differs, and 1 when something does.")(diff.diff)
app.command("check", epilog="\b\nExamples:\n  atum-desk ai check\n  atum-desk ai check --provider openai --json")(
    check.check
)
app.command(
    "policy",
    epilog="\b\nExamples:\n  atum-desk ai policy\n"
    '  atum-desk ai policy \'{"triage": {"fields": {"priority": {"mode": "suggest"}}}}\'',
)(policy.policy)
app.command(
    "eval",
    epilog="\b\nExamples:\n  atum-desk ai eval\n  atum-desk ai eval --only triage --data examples.jsonl\n"
    "  atum-desk ai eval --compare before/eval.json --floor triage.category.accuracy=0.8\n\n"
    "The exit code is 0, 1 when a figure is worse than in --compare or beyond a --floor, and 2 when something given "
    "cannot be used.",
)(eval_command.evaluate)
