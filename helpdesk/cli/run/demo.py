"""The demo of a run: its organisation, its login, and the live tickets it opens over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from helpdesk.cli.connection import open_database
from helpdesk.cli.run.indexing import wait_for_index
from helpdesk.cli.run.output import Output
from helpdesk.cli.run.place import Place
from helpdesk.cli.run.view import Followed, View
from helpdesk.cli.users import make_password
from helpdesk.demo.files import live_tickets
from helpdesk.demo.loader import LoadedDemo, load_demo, set_demo_password, whose_database
from helpdesk.errors import Unavailable
from helpdesk.settings import Settings

_FOLLOWED_FOR_S = 300
_LOOK_EVERY_S = 0.4


class DemoFailed(Unavailable):
    """The demo cannot be shown."""


@dataclass
class DemoState:
    """What a run remembers of the demo for the next one: the login, and which tickets it has opened."""

    path: Path
    password: str = ""
    opened: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> DemoState:
        """Return what is remembered; nothing where the file is missing or no longer readable."""
        try:
            stored = json.loads(path.read_text())
            return cls(path, str(stored["password"]), dict(stored["opened"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)

    def write(self) -> None:
        """Store it for this account's eyes only."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump({"password": self.password, "opened": self.opened}, file)


async def prepare_demo(settings: Settings, place: Place, output: Output, *, port: int) -> Demo | None:
    """Load the demo organisation unless it is there; None where the database belongs to somebody else."""
    state = DemoState.read(place.demo_state)
    async with open_database(settings) as database:
        match await whose_database(database):
            case "others":
                output.say("This database has organisations of its own, so the demo is left out.", "yellow")
                return None
            case "nobody":
                output.say("Loading the demo organisation ...")
        password = state.password or make_password()
        loaded = await load_demo(database, password=password, now=datetime.now(UTC))
        if loaded.created:
            state.opened = {}
        elif not state.password:
            await set_demo_password(database, password=password)
        state.password = password
        state.write()
        demo = Demo(loaded, state, settings, port)
        if demo.has_tickets_to_open:
            # A ticket finds only what is in the index.
            await wait_for_index(database, output, slug=loaded.slug)
    return demo


@dataclass
class Demo:
    """The demo organisation of a run.

    Attributes:
        token: an access token of its user, once signed in.
    """

    loaded: LoadedDemo
    state: DemoState
    settings: Settings
    port: int
    token: str = ""

    @property
    def has_tickets_to_open(self) -> bool:
        """Return whether a live ticket has not been opened yet."""
        return bool(self._waiting())

    def _waiting(self) -> list[dict[str, Any]]:
        return [ticket for ticket in live_tickets() if ticket["key"] not in self.state.opened]

    async def show(self, output: Output) -> None:
        """Open the live tickets that are not opened yet, and show what becomes of them.

        Raises:
            DemoFailed: the API refuses the demo's login or a ticket.
        """
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=30) as client:
            await self._sign_in(client)
            followed = [await self._open(client, ticket) for ticket in self._waiting()]
            if not followed:
                return
            output.grave_only = output.live
            with View(output, followed) as view:
                await self._follow(client, followed, view)
            output.grave_only = False

    async def _sign_in(self, client: httpx.AsyncClient) -> None:
        login = {"organization": self.loaded.slug, "email": self.loaded.email, "password": self.state.password}
        answer = await _sent(client, "POST", "/auth/login", login)
        self.token = answer["access_token"]
        client.headers["Authorization"] = f"Bearer {self.token}"

    async def _open(self, client: httpx.AsyncClient, ticket: dict[str, Any]) -> Followed:
        body = {name: ticket[name] for name in ("subject", "body", "channel", "assets") if name in ticket}
        opened = await _sent(client, "POST", "/tickets", body | {"requester": {"email": ticket["requester"]}})
        self.state.opened[ticket["key"]] = opened["id"]
        self.state.write()
        return Followed(opened, asyncio.get_running_loop().time())

    async def _follow(self, client: httpx.AsyncClient, followed: list[Followed], view: View) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + _FOLLOWED_FOR_S
        drafted = self.settings.smart_reply == "on_open"
        while clock() < deadline:
            for ticket in followed:
                if not ticket.is_complete:
                    ticket.update(await _sent(client, "GET", f"/tickets/{ticket.id}"), now=clock(), drafted=drafted)
            view.draw()
            if all(ticket.is_complete for ticket in followed):
                return
            await asyncio.sleep(_LOOK_EVERY_S)


async def _sent(client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    try:
        answer = await client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()
    except httpx.HTTPStatusError as error:
        raise DemoFailed(f"The API answered {method} {path} with {error.response.text[:300]}") from error
    except httpx.HTTPError as error:
        raise DemoFailed(f"The API did not answer {method} {path}: {type(error).__name__}.") from error
