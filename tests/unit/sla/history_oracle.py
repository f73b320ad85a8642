"""A slow, obvious second opinion on clocks: it lives through a ticket in steps of five minutes.

It reads a case of the exchange format whose times lie on the steps and gives the clocks in that format. Everything is
counted step by step from two lists, "is this step open" and "which status holds in this step"; a change of terms
counts again from the start. It shares no code with the product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .oracle import MinuteOracle

ORIGIN = datetime(2026, 3, 26, 0, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
STEPS = 40 * 24 * 12
DONE = ("solved", "closed")
METRICS = ("first_response", "next_response", "resolution", "time_to_own", "periodic_update")


def index(text):
    steps, rest = divmod(datetime.fromisoformat(text) - ORIGIN, STEP)
    assert not rest
    return steps


def text(step):
    return None if step is None else (ORIGIN + step * STEP).isoformat().replace("+00:00", "Z")


def open_steps(hours):
    oracle = MinuteOracle(hours)
    return [oracle.is_open(ORIGIN + step * STEP) for step in range(STEPS)]


@dataclass
class Watch:
    metric: str
    instance: int
    start: int
    policy: str
    priority: str
    end: int | None = None
    state: str = "running"
    frozen: bool = False
    level: int = 0
    notes: list = field(default_factory=list)
    # Seconds elapsed by the step last looked at; forgotten whenever the terms change.
    tally: tuple[int, int] | None = None


class Desk:
    def __init__(self, case, opens):
        self.policies, self.opens = case["policies"], opens
        self.log = sorted(case["events"], key=lambda event: index(event["at"]))
        self.watches: list[Watch] = []
        self.held: dict[int, str] = {}
        self.open_watch: dict[str, Watch | None] = dict.fromkeys(METRICS)
        self.gone = self.owned = False

    def clocks(self, as_of):
        last = index(as_of)
        if index(self.log[0]["at"]) > last:
            return []
        happening = {}
        for event in self.log:
            happening.setdefault(index(event["at"]), []).append(event)
        for step in range(index(self.log[0]["at"]), last + 1):
            for event in happening.get(step, []):
                self.happen(event, step)
            self.held[step] = self.status
            for watch in self.watches:
                if watch.end is None:
                    self.tell(watch, step)
        return [self.show(watch, last) for watch in sorted(self.watches, key=lambda w: (w.metric, w.instance))]

    # What happens

    def happen(self, event, step):
        getattr(self, f"on_{event['type']}")(event, step)

    def on_created(self, event, step):
        self.born, self.status = step, event.get("status", "new")
        self.policy, self.priority = event["policy"], event["priority"]
        self.responded = event["by"] == "agent"
        self.spoken = step if self.responded else None
        self.asked = self.knock = None
        self.catch_up(step)

    def on_message(self, event, step):
        if not event.get("public", True):
            return
        if self.status in DONE:
            self.knock = step
        elif self.responded and self.asked is None:
            self.asked = step
            self.catch_up(step)

    def on_reply(self, event, step):
        if event["by"] != "agent" or not event["public"]:
            return
        self.finish("first_response", step, "stopped")
        self.finish("next_response", step, "stopped")
        self.open_watch["next_response"] = None
        self.start_update_anew(step, "stopped")
        self.responded, self.asked, self.knock, self.spoken = True, None, None, step
        self.catch_up(step)

    def start_update_anew(self, step, state):
        """End the running update, so that the next can start; one that starts at this very step is it already."""
        watch = self.open_watch["periodic_update"]
        if watch is not None and watch.start != step:
            self.finish("periodic_update", step, state)
            self.open_watch["periodic_update"] = None

    def on_assigned(self, event, step):
        if event["to"] is not None and not self.owned:
            self.owned = True
            self.finish("time_to_own", step, "stopped")

    def on_merged(self, event, step):
        for metric in METRICS:
            self.finish(metric, step, "cancelled")
        self.gone = True

    on_deleted = on_merged

    def on_status(self, event, step):
        was_done, done = self.status in DONE, event["to"] in DONE
        if done and not was_done:
            self.finish("resolution", step, "stopped")
            self.finish("first_response", step, "cancelled")
            self.finish("next_response", step, "cancelled")
            self.finish("time_to_own", step, "cancelled")
            self.finish("periodic_update", step, "cancelled")
            self.open_watch["next_response"], self.asked = None, None
        self.status = event["to"]
        if was_done and not done:
            if self.responded and self.knock == step:
                self.asked = step
            if self.spoken is not None:
                self.start_update_anew(step, "cancelled")
                self.spoken = step
            self.held[step] = self.status
            self.catch_up(step)

    def on_priority(self, event, step):
        self.priority = event["to"]
        self.retarget(step)

    def on_policy(self, event, step):
        self.policy = event["to"]
        self.retarget(step)

    def retarget(self, step):
        for metric, watch in self.open_watch.items():
            if watch is not None and watch.end is None:
                if self.has_target(metric):
                    watch.policy, watch.priority, watch.tally = self.policy, self.priority, None
                else:
                    self.finish(metric, step, "cancelled")
        self.catch_up(step)

    def has_target(self, metric):
        return self.policy is not None and metric in self.policies[self.policy]["targets"].get(self.priority, {})

    def catch_up(self, step):
        """Start or take up again whatever should run and does not."""
        if self.status in DONE or self.gone:
            return
        starts = {"resolution": self.born}
        if not self.owned:
            starts["time_to_own"] = self.born
        if self.spoken is not None:
            starts["periodic_update"] = self.spoken
        if not self.responded:
            starts["first_response"] = self.born
        if self.asked is not None:
            starts["next_response"] = self.asked
        for metric, start in starts.items():
            if not self.has_target(metric):
                continue
            watch = self.open_watch[metric]
            if watch is None:
                instance = 1 + len([w for w in self.watches if w.metric == metric])
                watch = Watch(metric, instance, start, self.policy, self.priority)
                self.watches.append(watch)
                self.open_watch[metric] = watch
            elif watch.end is not None:
                watch.end, watch.state, watch.frozen = None, "running", False
                watch.policy, watch.priority, watch.tally = self.policy, self.priority, None

    def finish(self, metric, step, state):
        watch = self.open_watch[metric]
        if watch is not None and watch.end is None:
            watch.end, watch.state, watch.frozen = step, state, self.status in self.idle(watch)

    # What it counts

    def target(self, watch):
        return 60 * self.policies[watch.policy]["targets"][watch.priority][watch.metric]

    def idle(self, watch):
        default = {"resolution": ["pending", "on_hold"], "periodic_update": ["pending"]}.get(watch.metric, [])
        return [*DONE, *self.policies[watch.policy].get("pause_on", {}).get(watch.metric, default)]

    def counts(self, watch, step):
        return self.opens[self.policies[watch.policy]["calendar"]][step] and self.held[step] not in self.idle(watch)

    def elapsed(self, watch, until):
        return 300 * sum(self.counts(watch, step) for step in range(watch.start, until))

    def need(self, watch, level):
        return math.ceil(self.target(watch) * level / 100)

    def levels(self, watch):
        return self.policies[watch.policy].get("thresholds", [75, 90, 100])

    def tell(self, watch, step):
        if watch.tally is None:
            watch.tally = (step, self.elapsed(watch, step))
        for passed in range(watch.tally[0], step):
            watch.tally = (passed + 1, watch.tally[1] + 300 * self.counts(watch, passed))
        elapsed = watch.tally[1]
        level = max([0, *(level for level in self.levels(watch) if elapsed >= self.need(watch, level))])
        if level > watch.level and self.status not in self.idle(watch):
            watch.notes.append({"level": level, "at": text(step)})
            watch.level = level
        watch.level = min(watch.level, level)

    # What it shows

    def show(self, watch, last):
        until = last if watch.end is None else watch.end
        frozen = self.status in self.idle(watch) if watch.end is None else watch.frozen
        due = self.when(watch, 100, until, frozen)
        ran = until
        while frozen and ran > watch.start and self.held[ran - 1] in self.idle(watch):
            ran -= 1
        breached = due is not None and ran > due
        elapsed, target = self.elapsed(watch, until), self.target(watch)
        shown = {
            "metric": watch.metric,
            "instance": watch.instance,
            "start_at": text(watch.start),
            "target_s": target,
            "state": "paused" if watch.end is None and frozen else watch.state,
            "outcome": None
            if watch.end is None
            else "breached"
            if breached
            else {"stopped": "met", "cancelled": "cancelled"}[watch.state],
            "breached": breached,
            "due_at": None if frozen else text(due),
            "warn_75_at": None,
            "warn_90_at": None,
            "elapsed_s": elapsed,
            "elapsed_pct": round(100 * elapsed / target, 2),
            "remaining_s": max(0, target - elapsed),
            "overdue_s": max(0, elapsed - target),
            "stopped_at": text(watch.end),
            "notifications": watch.notes,
        }
        for level in sorted(self.levels(watch)):
            at = text(self.when(watch, level, until, frozen))
            if level in (75, 90):
                shown[f"warn_{level}_at"] = at
            elif level != 100:
                shown.setdefault("warnings", []).append({"level": level, "at": at})
        return shown

    def when(self, watch, level, until, frozen):
        left, step = self.need(watch, level), watch.start
        opens = self.opens[self.policies[watch.policy]["calendar"]]
        while left > 0:
            if step >= until and frozen:
                return None
            left -= 300 * (self.counts(watch, step) if step < until else opens[step])
            step += 1
        return step
