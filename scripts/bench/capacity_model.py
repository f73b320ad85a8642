"""From a load to hardware, by measured unit costs; every step is a line that says where it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from unit_costs import UnitCosts

_DAY_S = 8 * 3600
# What an agent does in a second at work: a list and a ticket every two minutes, a search every ten.
_READS, _SEARCHES = 1 / 120, 1 / 600
# `scripts/bench/pipeline` with the 0.5B text model: 3 to 5 s a call on two cores.
_TEXT_CALL_CORE_S = 8.0
_TEXT_MODEL_MB = 900
# What one process does at most: its event loop has one core.
_OF_ONE_PROCESS = 0.8
# Resident memory PostgreSQL takes besides its buffers, and for each connection.
_POSTGRES_MB, _CONNECTION_MB = 150, 8
_SYSTEM_MB = 700
# docs/embedding-models.md: two bytes a number; text, words and indexes of a passage are about twice its vector.
# What a search goes through is the vectors and their graph.
_PASSAGE_KB, _HOT_PASSAGE_KB, _PASSAGES_OF_AN_ARTICLE = 4.0, 2.0, 4
# Jobs are kept for so long (ATUM_KEEP_COMPLETED_DAYS); write-ahead log and room to breathe come on top.
_JOBS_KEPT_DAYS, _ROOM = 7, 1.5


@dataclass(frozen=True)
class Load:
    """What a help desk does; `busy` and `peak` as in `capacity --help`."""

    tickets_a_day: int
    replies: float
    agents: int
    articles: int
    years: float
    attachments_mb: float
    peak: float
    busy: float
    text_model: bool


@dataclass(frozen=True)
class Line:
    """One figure and why."""

    what: str
    figure: str
    because: str


@dataclass
class Plan:
    """The hardware.

    Attributes:
        processes: how many of each role.
        core_s: seconds of a core that each role needs in a second of the busiest hour.
    """

    core_s: dict[str, float] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    cores: int = 0
    memory_gb: float = 0.0
    disk_gb: float = 0.0
    connections: int = 0
    lines: list[Line] = field(default_factory=list)


def plan_for(load: Load, costs: UnitCosts) -> Plan:
    """Return what a load takes."""
    plan = Plan()
    rates = _rates(load, plan)
    _cores(load, costs, rates, plan)
    _connections(plan)
    _memory(load, costs, plan)
    _disk(load, costs, plan)
    return plan


def _rates(load: Load, plan: Plan) -> dict[str, float]:
    opened = load.tickets_a_day / _DAY_S * load.peak
    rates = {
        "ticket": opened,
        "reply": opened * load.replies,
        "list": load.agents * _READS,
        "read": load.agents * _READS,
        "search": load.agents * _SEARCHES,
    }
    for thing, rate in rates.items():
        plan.lines.append(Line(f"{thing}, a second", f"{rate:.3f}", "in the busiest hour"))
    return rates


def _cores(load: Load, costs: UnitCosts, rates: dict[str, float], plan: Plan) -> None:
    for role in costs.memory_mb:
        # A reply is triaged no more, but indexed and weighed again: half a ticket is on the safe side.
        parts = {thing: costs.core_ms[thing].get(role, 0.0) for thing in ("ticket", "list", "read", "search")}
        needed = sum(rates[thing] * ms for thing, ms in parts.items()) + rates["reply"] * parts["ticket"] / 2
        plan.core_s[role] = round((needed + costs.core_ms["idle"].get(role, 0.0)) / 1000, 3)
        one = role in {"sla", "postgres"}
        plan.processes[role] = 1 if one else max(1, math.ceil(plan.core_s[role] / _OF_ONE_PROCESS / load.busy))
    if load.text_model:
        plan.core_s["text model"] = round(rates["ticket"] * _TEXT_CALL_CORE_S, 3)
        plan.processes["text model"] = 1
    for role, used in plan.core_s.items():
        plan.lines.append(
            Line(f"{role}: processes", str(plan.processes[role]), f"{used:.3f} cores in the busiest hour")
        )
    total = sum(plan.core_s.values())
    plan.cores = max(2, math.ceil(total / load.busy))
    plan.lines.append(Line("cores", str(plan.cores), f"{total:.2f} used, {load.busy:.0%} busy, two at least"))


def _connections(plan: Plan) -> None:
    each = {"api": 11, "job": 6, "rag": 4, "sla": 4}
    plan.connections = sum(plan.processes[role] * needs for role, needs in each.items()) + 10
    detail = ", ".join(f"{plan.processes[role]} x {needs}" for role, needs in each.items())
    plan.lines.append(Line("connections", str(plan.connections), f"{detail}, and ten for people and backups"))


def _memory(load: Load, costs: UnitCosts, plan: Plan) -> None:
    processes = sum(plan.processes[role] * mb for role, mb in costs.memory_mb.items() if role != "postgres")
    a_month = load.tickets_a_day * 30 * _weight(load) * costs.disk_kb["lasting"] / 1e3
    hot_mb = _passages(load) * _HOT_PASSAGE_KB / 1e3 + a_month
    postgres = _POSTGRES_MB + plan.connections * _CONNECTION_MB + hot_mb
    text_model = _TEXT_MODEL_MB if load.text_model else 0
    plan.memory_gb = round((processes + postgres + text_model + _SYSTEM_MB) / 1024, 1)
    because = f"processes {processes:.0f} MB, PostgreSQL {postgres:.0f} MB with the index and a month of tickets"
    plan.lines.append(Line("memory", f"{plan.memory_gb} GB", because))


def _disk(load: Load, costs: UnitCosts, plan: Plan) -> None:
    days = load.years * 365
    tickets = load.tickets_a_day * days * costs.disk_kb["lasting"] * _weight(load) / 1e6
    jobs = load.tickets_a_day * _JOBS_KEPT_DAYS * costs.disk_kb["jobs"] * _weight(load) / 1e6
    files = load.tickets_a_day * days * load.attachments_mb / 1e3
    database = (tickets + jobs + load.articles * _PASSAGES_OF_AN_ARTICLE * _PASSAGE_KB / 1e6) * _ROOM
    plan.disk_gb = round(database + files, 1)
    because = f"database {database:.1f} GB, files {files:.1f} GB after {load.years:g} years; backups not counted"
    plan.lines.append(Line("disk", f"{plan.disk_gb} GB", because))


def _passages(load: Load) -> float:
    return load.tickets_a_day * load.years * 365 + load.articles * _PASSAGES_OF_AN_ARTICLE


def _weight(load: Load) -> float:
    """Return how many tickets without an answer one with its replies is worth."""
    return 1 + load.replies / 2


# `scripts/bench/capacity --measure` on two cores of x86-64: one embedding thread, no text model, drafts of quotes.
MEASURED = UnitCosts(
    tickets=40,
    core_ms={
        "idle": {"api": 2.0, "job": 3.0, "rag": 1.0, "sla": 1.0, "embedding": 1.0, "postgres": 2.0},
        "ticket": {"api": 19.2, "job": 147.1, "rag": 19.2, "sla": 0.0, "embedding": 247.5, "postgres": 63.9},
        "list": {"api": 13.6, "job": 0.1, "rag": 0.1, "sla": 0.0, "embedding": 0.0, "postgres": 2.7},
        "read": {"api": 17.6, "job": 0.3, "rag": 0.0, "sla": 0.0, "embedding": 0.0, "postgres": 2.8},
        "search": {"api": 30.7, "job": 0.2, "rag": 0.1, "sla": 0.0, "embedding": 7.7, "postgres": 8.3},
    },
    memory_mb={"api": 176, "job": 296, "rag": 133, "sla": 87, "embedding": 578, "postgres": 21},
    disk_kb={"jobs": 6.1, "lasting": 32.4},
)
