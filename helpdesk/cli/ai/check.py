"""`atum-desk ai check`: try the providers of models, and say what to do where they fall short."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from helpdesk.ai.providers.probes.finding import Finding, Verdict, worst
from helpdesk.ai.providers.probes.ollama import probe_ollama
from helpdesk.ai.providers.probes.openai import probe_openai
from helpdesk.cli.connection import chosen_settings
from helpdesk.cli.jobs.output import AsJson, console, print_json
from helpdesk.settings import Settings

_EXIT_CODES: dict[Verdict, int] = {"ok": 0, "problem": 1, "unusable": 2}
_COLOURS: dict[Verdict, str] = {"ok": "green", "problem": "yellow", "unusable": "red"}


class Provider(StrEnum):
    """The protocols that models are reached over."""

    OLLAMA = "ollama"
    OPENAI = "openai"


def check(
    *,
    provider: Annotated[
        Provider | None, typer.Option(help="Only this one; by default Ollama's, and OpenAI's where one is set.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try the models of the settings: are they there, held to a schema, fast enough; and say what to do.

    What they are shown is made up. The exit code is 0, 1 where there are problems, and 2 where a provider is unusable.
    """
    settings = chosen_settings()
    chosen = [provider] if provider is not None else [Provider.OLLAMA]
    if provider is None and settings.openai_url is not None:
        chosen.append(Provider.OPENAI)
    found = asyncio.run(_probed(settings, chosen))
    if as_json:
        print_json({name: [asdict(finding) for finding in findings] for name, findings in found.items()})
    else:
        _print(found)
    raise typer.Exit(_EXIT_CODES[worst([finding for findings in found.values() for finding in findings])])


async def _probed(settings: Settings, chosen: Sequence[Provider]) -> dict[str, list[Finding]]:
    probes = {Provider.OLLAMA: probe_ollama, Provider.OPENAI: probe_openai}
    return {name.value: await probes[name](settings) for name in chosen}


def _print(found: dict[str, list[Finding]]) -> None:
    shown = console()
    for name, findings in found.items():
        shown.print(f"[bold]{name}[/]")
        for finding in findings:
            mark = f"[{_COLOURS[finding.verdict]}]{finding.verdict:<8}[/]"
            shown.print(f"  {mark}  {finding.probe}: {escape(finding.told)}", soft_wrap=True)
            if finding.remedy:
                shown.print(f"{'':12}→ {escape(finding.remedy)}", soft_wrap=True)
