"""How the product is."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.schemas.bodies import View


class ComponentView(View):
    """One part of the product."""

    state: Literal["ok", "away", "missing", "changed", "off"] = Field(
        description="`missing`: the model runtime answers, but does not have the model (yet); `changed`: it has other "
        "weights under the model's name, so that nothing is written and searches go by words; `off`: it is left out on "
        "purpose."
    )
    figures: dict[str, Any]


class Health(View):
    """The process answers; the parts say how they are."""

    status: Literal["ok", "degraded"]
    version: str
    components: dict[str, ComponentView]


class Ready(View):
    """Whether requests that need the database can be served."""

    status: Literal["ready"] = "ready"
