"""The search index: what waits for it, and what index workers do."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import SLOW_S, counter, histogram

DOCUMENTS = counter(
    "atum_index_documents_total",
    "Sources that were worked off: written, unchanged, deleted, failed, handed_back or lost.",
    ("outcome",),
)
PASSAGES = counter(
    "atum_index_passages_total", "Passages of written sources whose vector was made, or kept.", ("vector",)
)
BATCH = histogram("atum_index_batch_seconds", "How long a batch of sources took.", buckets=SLOW_S)
EMBED = histogram(
    "atum_index_embed_seconds", "How long the vectors of a batch took, once it was its turn.", buckets=SLOW_S
)
RESCUES = counter("atum_index_rescues_total", "Sources taken back from index workers that died.")
