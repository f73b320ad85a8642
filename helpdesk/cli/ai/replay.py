"""`atum-desk ai replay`: make calls again with what was kept of them, and compare."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.ai.runs.difference import agreement
from helpdesk.ai.runs.queries import RunFilter
from helpdesk.ai.runs.replay import Replay
from helpdesk.ai.runs.replaying import replay_run
from helpdesk.cli.ai.finding import Kind, Organization, Since, Ticket, home_of, moment, newest, one, run_id
from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, print_json, print_table
from helpdesk.database.engine import Database
from helpdesk.errors import HelpdeskError
from helpdesk.models.ai import AiRun

_MOST = 500


@dataclass(frozen=True)
class _Made:
    """A run, and what came of asking again.

    Attributes:
        problem: why it could not be asked again; then there is no replay.
        against: other runs of the same kind for the same ticket, each with whether its output is that of the replay.
    """

    run: AiRun
    replay: Replay | None
    made_id: UUID | None
    problem: str = ""
    against: Sequence[tuple[AiRun, bool]] = ()


def replay(
    run_reference: Annotated[str | None, typer.Argument(help="The id of a run.", metavar="[RUN]")] = None,
    *,
    kind: Kind = None,
    ticket: Ticket = None,
    since: Since = None,
    last: Annotated[
        int | None, typer.Option(min=1, max=_MOST, help="Instead of one run, so many of the newest that fit.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Another model of the same runtime.")] = None,
    against: Annotated[
        int, typer.Option(min=0, max=100, help="Compare with so many of the newest runs for the same ticket, too.")
    ] = 0,
    organization: Organization = None,
    as_json: AsJson = False,
) -> None:
    """Make calls again with the texts, schema, options and seed that were kept, and compare the outputs."""
    if (run_reference is None) == (last is None):
        raise typer.BadParameter("name a run, or say how many with --last", param_hint="RUN")
    wanted = None if run_reference is None else run_id(run_reference)
    filters = RunFilter(kind=kind, since=moment(since))

    async def work(database: Database) -> list[_Made]:
        home = await home_of(database, organization)
        if wanted is not None:
            chosen = [await one(database, organization, wanted)]
        else:
            found = await newest(database, home, wanted=filters, ticket=ticket, limit=_MOST)
            chosen = [each for each in found if each.system_text is not None and each.kind != "replay"][:last]
        return [await _again(database, home, each, model=model, against=against) for each in chosen]

    made = run(work)
    if as_json:
        print_json([_as_json(each) for each in made])
    elif wanted is not None:
        _print_one(made[0])
    else:
        _print_all(made)
    raise typer.Exit(_exit_code(made))


async def _again(database: Database, home: UUID, each: AiRun, *, model: str | None, against: int) -> _Made:
    models = connect_models(database.settings)
    try:
        found, made, made_id = await replay_run(
            database, models, organization_id=home, run_id=each.id, model=model, now=datetime.now(UTC)
        )
    except HelpdeskError as error:
        return _Made(each, None, None, error.detail)
    finally:
        await models.close()
    others = await _others(database, home, each, but={each.id, made_id}, count=against)
    said = None if made.answer is None else made.answer.text
    return _Made(found, made, made_id, against=[(other, agreement(other.output, said) == (1, 1)) for other in others])


async def _others(database: Database, home: UUID, each: AiRun, *, but: set[UUID], count: int) -> list[AiRun]:
    if not count or each.ticket_id is None:
        return []
    found = await newest(
        database, home, wanted=RunFilter(kind=each.kind), ticket=str(each.ticket_id), limit=count + len(but)
    )
    return [other for other in found if other.id not in but][:count]


def _exit_code(made: Sequence[_Made]) -> int:
    asked = [each.replay for each in made if each.replay is not None]
    if not asked:
        return 2
    return 0 if len(asked) == len(made) and all(each.same for each in asked) else 1


def _print_one(made: _Made) -> None:
    if made.replay is None:
        print(f"atum-desk: {made.problem}", file=sys.stderr)
        return
    verdict = "the same output" if made.replay.same else "a different output"
    print(f"{made.replay.identity.name}: {verdict}, {made.replay.fields_same} of {made.replay.fields} fields agree")
    if not made.replay.exact:
        print("What was kept is not to the letter what the model saw: it was redacted since.")
    if made.replay.error is not None:
        print(f"No answer: {made.replay.error}")
    for difference in made.replay.differences:
        print(f"\n{difference.unified()}")
    for other, same in made.against:
        print(f"{other.id}  {other.model}  {'same' if same else 'different'}")
    print(f"\nKept as run {made.made_id}.")


def _print_all(made: Sequence[_Made]) -> None:
    print_table(
        [_row(each) for each in made], "RUN", "KIND", "MODEL BEFORE", "MODEL NOW", "OUTPUT", "FIELDS", whole=("RUN",)
    )
    asked = [each.replay for each in made if each.replay is not None]
    fields, same = sum(each.fields for each in asked), sum(each.fields_same for each in asked)
    print(
        f"\n{sum(each.same for each in asked)} of {len(made)} outputs are the same, {same} of {fields} fields agree, "
        f"{len(made) - len(asked)} could not be asked again."
    )


def _row(made: _Made) -> tuple[object, ...]:
    if made.replay is None:
        return (made.run.id, made.run.kind, made.run.model, "", made.problem, "")
    return (
        made.run.id,
        made.run.kind,
        made.run.model,
        made.replay.identity.name,
        "same" if made.replay.same else "different",
        f"{made.replay.fields_same}/{made.replay.fields}",
    )


def _as_json(made: _Made) -> dict[str, Any]:
    told: dict[str, Any] = {"run": made.run.id, "kind": made.run.kind, "model_before": made.run.model}
    if made.replay is None:
        return told | {"problem": made.problem}
    return told | {
        "made": made.made_id,
        "model": made.replay.identity.name,
        "exact": made.replay.exact,
        "same": made.replay.same,
        "fields_same": made.replay.fields_same,
        "fields": made.replay.fields,
        "error": None if made.replay.error is None else str(made.replay.error),
        "differences": [
            {"part": each.part, "before": each.before, "after": each.after} for each in made.replay.differences
        ],
        "against": [{"run": other.id, "same": same} for other, same in made.against],
    }
