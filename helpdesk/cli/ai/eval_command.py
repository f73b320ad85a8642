"""`atum-desk ai eval`: how well the models do where the right answers are known."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.cli.ai.eval_floors import Floor, read_floors
from helpdesk.cli.ai.eval_output import Progress, print_differences, print_figures
from helpdesk.cli.checkout import version
from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, plain, print_json
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database

if TYPE_CHECKING:
    from helpdesk.evaluation.comparing import Difference
    from helpdesk.evaluation.evaluating import Evaluation
    from helpdesk.evaluation.labelled_files import LabelledFile
    from helpdesk.evaluation.sample import Sample
    from helpdesk.evaluation.work import Part

Result = TypeVar("Result")

_FILE = Path("eval.json")
_CHART = Path("reliability.png")


def evaluate(
    *,
    organization: Slug = None,
    only: Annotated[
        str | None, typer.Option(help="Some of triage,suggestions,drafts,prediction, by commas; by default all.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="JSON lines of labelled examples for triage, instead of own tickets.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help="JSON lines of questions for suggestions and drafts, instead of own tickets.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=100_000, help="Most cases scored of each part.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn at random.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for eval.json and reliability.png; by default a new one, dated.")
    ] = None,
    compare: Annotated[Path | None, typer.Option(help="The eval.json of an earlier run to compare with.")] = None,
    floor: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE a figure must reach, such as triage.category.accuracy=0.8.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="Score no further cases after so long.")] = 15,
    language_model: Annotated[
        bool, typer.Option("--language-model/--no-language-model", help="Let the text model take part, which is slow.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score triage, suggestions, drafts and breach prediction where the right answers are known.

    Nothing is stored with tickets, nobody is told, and no job is made; calls of the text model are recorded.
    """
    given = _given(only=only, data=data, questions=questions, compare=compare, floors=floor or [])

    run_of = _Run(organization=organization, seed=seed, limit=limit, minutes=minutes, ask_model=language_model)
    found, slug = _or_bad_data(lambda: run(lambda database: run_of.evaluate(database, given)))
    differences = given.differences(found, seed=seed)
    folder = _write(found, slug, out=out)
    _show(found, differences, given.floors, folder=folder, slug=slug, as_json=as_json)
    missed = [one.missed(found.figures) for one in given.floors]
    for sentence in missed:
        if sentence:
            print(f"atum-desk: {sentence}", file=sys.stderr)
    if any(missed) or any(one.word == "worse" for one in differences):
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """How an evaluation is done."""

    organization: str | None
    seed: int
    limit: int | None
    minutes: float
    ask_model: bool

    async def evaluate(self, database: Database, given: _Given) -> tuple[Evaluation, str]:
        """Return the evaluation and the slug of the organisation."""
        from helpdesk.evaluation.evaluating import evaluate as evaluated  # noqa: PLC0415 (as in _given)
        from helpdesk.evaluation.work import Work  # noqa: PLC0415

        chosen = await chosen_organization(database, self.organization)
        models = connect_models(database.settings)
        try:
            with Progress() as progress:
                work = Work(
                    database=database,
                    models=models,
                    settings=database.settings,
                    organization_id=chosen.id,
                    now=datetime.now(UTC),
                    seed=self.seed,
                    tell=progress.tell,
                    limit=self.limit,
                    ask_model=self.ask_model,
                    until=time.monotonic() + 60 * self.minutes,
                )
                return await evaluated(work, given.parts, texts=given.texts, questions=given.questions), chosen.slug
        finally:
            await models.close()


class _Given:
    """What the command line gave, read and checked before anything long begins."""

    def __init__(
        self,
        parts: Sequence[Part],
        texts: LabelledFile | None,
        questions: LabelledFile | None,
        before: Sequence[Sample] | None,
        floors: Sequence[Floor],
    ) -> None:
        self.parts, self.texts, self.questions = parts, texts, questions
        self.before, self.floors = before, floors

    def differences(self, found: Evaluation, *, seed: int) -> list[Difference]:
        """Return what is different from the earlier run; nothing without one."""
        from helpdesk.evaluation.comparing import compare  # noqa: PLC0415 (as in _given)

        return [] if self.before is None else compare(self.before, found.samples, seed=seed)


def _given(
    *, only: str | None, data: Path | None, questions: Path | None, compare: Path | None, floors: Sequence[str]
) -> _Given:
    # What scores loads all that trains; the other commands of the group need not wait for it.
    from helpdesk.evaluation.labelled_files import read_questions, read_texts  # noqa: PLC0415
    from helpdesk.evaluation.report import read_samples  # noqa: PLC0415
    from helpdesk.evaluation.work import PARTS  # noqa: PLC0415

    named = PARTS if only is None else [word.strip() for word in only.split(",") if word.strip()]
    unknown = [word for word in named if word not in PARTS]
    if unknown or not named:
        said = f"there is no part {unknown[0]!r}" if unknown else "name at least one part"
        raise typer.BadParameter(f"{said}; there are {', '.join(PARTS)}", param_hint="--only")
    parts = [part for part in PARTS if part in named]
    wrong = read_floors(floors)
    return _or_bad_data(
        lambda: _Given(
            parts,
            None if data is None else read_texts(data),
            None if questions is None else read_questions(questions),
            None if compare is None else read_samples(compare),
            wrong,
        )
    )


def _or_bad_data(work: Callable[[], Result]) -> Result:
    """Return what the work returns; end the command with 2 where what was given cannot be used."""
    from helpdesk.evaluation.labelled_files import BadData  # noqa: PLC0415 (as in _given)

    try:
        return work()
    except BadData as error:
        print(f"atum-desk: {error.detail}", file=sys.stderr)
        raise typer.Exit(2) from error


def _write(found: Evaluation, slug: str, *, out: Path | None) -> Path:
    from helpdesk.evaluation.chart import draw_reliability  # noqa: PLC0415 (as in _given)
    from helpdesk.evaluation.report import as_json as report  # noqa: PLC0415

    folder = out or Path(f"eval-{found.created_at.astimezone():%Y-%m-%d-%H%M%S}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        words = json.dumps(plain(report(found, product=version(), organization=slug)), ensure_ascii=False)
        (folder / _FILE).write_text(f"{words}\n", encoding="utf-8")
        draw_reliability(found.samples, folder / _CHART)
    except OSError as error:
        print(f"atum-desk: {folder} cannot be written: {error.strerror or error}.", file=sys.stderr)
        raise typer.Exit(2) from error
    return folder


def _show(
    found: Evaluation,
    differences: Sequence[Difference],
    floors: Sequence[Floor],
    *,
    folder: Path,
    slug: str,
    as_json: bool,
) -> None:
    if as_json:
        from helpdesk.evaluation.report import as_json as report  # noqa: PLC0415 (as in _given)

        told = report(found, product=version(), organization=slug)
        del told["samples"]
        told["differences"] = differences
        told["floors"] = [
            {"name": one.name, "value": one.value, "kept": not one.missed(found.figures)} for one in floors
        ]
        print_json(told | {"folder": str(folder)})
        return
    print_figures(found)
    print_differences(differences)
    print(f"\n{folder / _FILE} holds all of it; {folder / _CHART} shows promise against outcome.")
