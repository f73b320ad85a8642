"""Which features each kind of shipped weights may use, and the file that the weights are written into."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from helpdesk.rag.retrieval.fusion import Evidence, features_of
from helpdesk.rag.retrieval.fusion_table import HYBRID
from helpdesk.rag.retrieval.fusion_weights import Weights

FILE = Path(__file__).parents[2] / "helpdesk/rag/retrieval/fusion_table.py"
# Mean and spread among candidates that answer nothing, over all corpora of the first fit.
BACKGROUND: Mapping[str, tuple[float, float]] = {"sim": (0.25, 0.15), "coverage": (0.12, 0.10)}

_ALL = tuple(features_of([Evidence(0.5, 1.0)], idf_mass=1.0, background=BACKGROUND))
_ORDER = tuple(name for name in _ALL if not name.startswith("best_") and name not in ("sim", "coverage"))
# What depends on the scale of a model's similarities is for that model alone.
_SCALED = tuple(name for name in _ORDER if name.startswith(("sim[", "sim_gap")) or "close" in name)
_FAR = tuple(name for name in _ORDER if name.endswith("*far"))

HYBRID_NAMES = _ORDER
MODEL_FREE_NAMES = tuple(name for name in _ORDER if name not in _SCALED + _FAR)
LEXICAL_NAMES = tuple(name for name in MODEL_FREE_NAMES if not name.startswith("sim"))
BEST = tuple(name for name in _ALL if name.startswith("best_"))
BEST_WORDS = tuple(name for name in BEST if not name.startswith("best_sim"))

_HEAD = '''"""The shipped weights of the fusion, as `scripts/bench/fit_fusion` writes them; see `fusion_weights`."""

from __future__ import annotations

from collections.abc import Mapping

from helpdesk.rag.retrieval.weights import Weights

'''


def write_table(model: str, *, hybrid: Weights, model_free: Weights, lexical: Weights) -> None:
    """Write the weights, with those of the model in the place of its earlier ones."""
    models = {**HYBRID, model: hybrid}
    lines = [_HEAD, "# By the model's name without its tag: similarities of two models do not compare.\n"]
    lines.append("HYBRID: Mapping[str, Weights] = {\n")
    lines.extend(f'    "{name}": {_written(weights, "    ")},\n' for name, weights in sorted(models.items()))
    lines.append("}\n\n# For a model nothing was fitted for: no feature depends on the scale of its similarities.\n")
    lines.append(f"MODEL_FREE = {_written(model_free, '')}\n\n")
    lines.append(f"# For a query without a vector.\nLEXICAL = {_written(lexical, '')}\n")
    FILE.write_text("".join(lines))


def _written(weights: Weights, margin: str) -> str:
    lines = ["Weights(", f"    {weights.intercept:.4f},", "    {"]
    lines.extend(f'        "{name}": {weight:.4f},' for name, weight in weights.by_feature.items())
    background = ", ".join(f'"{name}": ({mean}, {spread})' for name, (mean, spread) in weights.background.items())
    lines.extend(["    },", f"    {{{background}}},", ")"])
    return f"\n{margin}".join(lines)
