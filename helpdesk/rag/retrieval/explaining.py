"""Say in a sentence why a passage was found: what each list knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def why_found(signals: Mapping[str, Any]) -> str:
    """Return what the three lists say of a result, by its signals; see `SearchResult`."""
    parts = []
    if signals["sim"] is not None:
        parts.append(f"its meaning is close to the query's by {signals['sim']:.2f}{_place(signals['rank_v'])}")
    if signals["bm25"] > 0:
        parts.append(
            f"it has {signals['coverage']:.0%} of what the query's words could score{_place(signals['rank_l'])}"
        )
    if signals["graph"] > 0:
        parts.append(f"alike tickets point to it with {signals['graph']:.2f}{_place(signals['rank_g'])}")
    said = ", and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"{said[:1].upper()}{said[1:]}."


def _place(rank: int | None) -> str:
    return "" if rank is None else f" (place {rank} of that list)"
