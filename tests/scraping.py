"""Read the metrics of a process, and how they moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from helpdesk.observability.metrics.registry import REGISTRY

Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class Samples:
    """The values of one scrape, or the differences between two."""

    values: Mapping[Key, float]

    def of(self, name: str, **labels: str) -> float:
        """Add up the values of a metric whose labels are these, whatever the others say."""
        wanted = labels.items()
        return sum(value for (found, has), value in self.values.items() if found == name and wanted <= has)

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return the values that are not zero, by some of their labels."""
        found: Counter[tuple[str, ...]] = Counter()
        for (sample, has), value in self.values.items():
            if sample == name and value:
                found[tuple(dict(has)[label] for label in labels)] += value
        return dict(found)

    def names(self) -> set[str]:
        """Return the names of all samples."""
        return {name for name, _ in self.values}

    def __sub__(self, before: Samples) -> Samples:
        """Return by how much each value has grown."""
        return Samples({key: value - before.values.get(key, 0.0) for key, value in self.values.items()})


def parsed(text: str) -> Samples:
    """Read Prometheus' text format."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return Samples({(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples})


def here() -> Samples:
    """Scrape this process."""
    return parsed(generate_latest(REGISTRY).decode())


async def scrape(port: int) -> Samples:
    """Scrape another process."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
        answer.raise_for_status()
        return parsed(answer.text)
