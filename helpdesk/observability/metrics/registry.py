"""The metrics of this process: one registry, and what is on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Kind = Literal["counter", "gauge", "histogram"]

# Of what runs within milliseconds, of handlers and models, and of what people would notice.
QUICK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SLOW_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
WAIT_S = (0.01, 0.05, 0.25, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0)

# What a label says of a name beyond those that it may take.
OTHER = "other"

REGISTRY = CollectorRegistry(auto_describe=False)


@dataclass(frozen=True)
class Definition:
    """A metric: its name as a scrape shows it, its labels, and what it says."""

    name: str
    kind: Kind
    about: str
    labels: tuple[str, ...] = ()


DEFINITIONS: dict[str, Definition] = {}

Labels = tuple[str, ...]
Metric = TypeVar("Metric", Counter, Gauge, Histogram)


def counter(name: str, about: str, labels: Sequence[str] = ()) -> Counter:
    """Make a counter, whose name ends in `_total`."""
    _define(name, "counter", about, labels)
    return Counter(name, about, labels, registry=REGISTRY)


def gauge(name: str, about: str, labels: Sequence[str] = ()) -> Gauge:
    """Make a gauge that is set, or moved up and down."""
    _define(name, "gauge", about, labels)
    return Gauge(name, about, labels, registry=REGISTRY)


def histogram(name: str, about: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = QUICK_S) -> Histogram:
    """Make a histogram of seconds."""
    _define(name, "histogram", about, labels)
    return Histogram(name, about, labels, registry=REGISTRY, buckets=buckets)


def _define(name: str, kind: Kind, about: str, labels: Iterable[str]) -> None:
    DEFINITIONS[name] = Definition(name, kind, about, tuple(labels))


@cache
def labelled(metric: Metric, *labels: str) -> Metric:
    """Return a metric with labels, as its own `labels` does in ten times the time; labels are few, so all are kept."""
    return metric.labels(*labels)


class Readings(Collector):
    """A gauge whose values are read or replaced all at once; one that is not given shows nothing at all.

    A gauge that is set keeps its last value for ever, which says that a queue waits when its table has long been empty.

    Attributes:
        read: returns the values by their labels, called at each scrape, in its thread; so it may not take long.
    """

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        _define(name, "gauge", about, labels)
        self._name, self._about, self._labels = name, about, tuple(labels)
        self._values: Mapping[Labels, float] = {}
        self.read: Callable[[], Mapping[Labels, float]] = lambda: self._values
        REGISTRY.register(self)

    def replace(self, values: Mapping[Labels, float]) -> None:
        """Show these values, and no others, from now on."""
        self._values = dict(values)

    def set(self, value: float | None) -> None:
        """Show one value without labels, or none."""
        self.replace({} if value is None else {(): value})

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the values, for a scrape."""
        family = GaugeMetricFamily(self._name, self._about, labels=self._labels)
        for labels, value in self.read().items():
            family.add_metric(labels, value)
        return [family]


class Names:
    """Keeps a label to so many names: those it met first.

    Args:
        most: how many there may be; what comes later is called `other`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        """Return the name, or `other` when there are too many of them."""
        if name in self._known:
            return name
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(name)
        return name
