"""The shipped weights of the fusion, as `scripts/bench/fit_fusion` writes them; see `fusion_weights`."""

from __future__ import annotations

from collections.abc import Mapping

from helpdesk.rag.retrieval.weights import Weights

# By the model's name without its tag: similarities of two models do not compare.
HYBRID: Mapping[str, Weights] = {
    "all-minilm": Weights(
        -5.9710,
        {
            "sim[0.2,0.4]": 5.8006,
            "sim[0.4,0.5]": 5.7765,
            "sim[0.5,0.6]": 10.9994,
            "sim[0.6,0.7]": 10.3313,
            "sim[0.7,1.0]": 9.7234,
            "coverage[0.2,0.4]": 0.4744,
            "coverage[0.6,1.0]": 0.1796,
            "sim_gap": 2.3556,
            "sim_z*unworded": 0.6090,
            "coverage_z": 0.1445,
            "rare": 0.6914,
            "phrase": 0.0157,
            "phrases": 0.3056,
            "coverage_z*far": 0.3921,
            "coverage_reciprocal*far": 0.4160,
            "rare*far": 1.7086,
            "phrase*far": 2.8783,
            "phrases*far": 1.5854,
            "best_sim[0.2,0.4]": 0.8937,
            "best_sim[0.5,0.6]": 2.4672,
            "best_sim[0.6,0.7]": 4.3106,
            "best_sim[0.7,1.0]": 3.0939,
        },
        {"sim": (0.25, 0.15), "coverage": (0.12, 0.1)},
    ),
}

# For a model nothing was fitted for: no feature depends on the scale of its similarities.
MODEL_FREE = Weights(
    -5.5999,
    {
        "coverage[0.0,0.1]": 1.5710,
        "coverage[0.1,0.2]": 1.3400,
        "coverage[0.2,0.4]": 1.4378,
        "sim_z": 0.7608,
        "sim_z*unworded": 0.7823,
        "coverage_z": 0.4366,
        "coverage_reciprocal": 0.1699,
        "covered": 0.3037,
        "rare": 1.5576,
        "phrase": 1.4027,
        "phrases": 1.0340,
        "best_coverage[0.0,0.1]": 0.5267,
        "best_coverage[0.1,0.2]": 0.4917,
        "best_covered[0.0,0.3]": 0.3073,
    },
    {"sim": (0.25, 0.15), "coverage": (0.12, 0.1)},
)

# For a query without a vector.
LEXICAL = Weights(
    -4.6227,
    {
        "coverage[0.1,0.2]": 2.2311,
        "coverage[0.2,0.4]": 3.2149,
        "coverage[0.6,1.0]": 2.6892,
        "coverage_z": 0.6497,
        "coverage_reciprocal": 0.7115,
        "rare": 0.9563,
        "phrase": 0.7174,
        "phrases": 1.8361,
    },
    {"sim": (0.25, 0.15), "coverage": (0.12, 0.1)},
)
