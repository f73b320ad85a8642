"""The shipped weights of the fusion, as `scripts/bench/fit_fusion` writes them; see `fusion_weights`."""

from __future__ import annotations

from collections.abc import Mapping

from helpdesk.rag.retrieval.weights import Weights

# By the model's name without its tag: similarities of two models do not compare.
HYBRID: Mapping[str, Weights] = {
    "all-minilm": Weights(
        -4.7453,
        {
            "sim[0.2,0.4]": 4.5949,
            "sim[0.4,0.5]": 4.7475,
            "sim[0.5,0.6]": 8.0485,
            "sim[0.6,0.7]": 7.8506,
            "sim[0.7,1.0]": 7.6108,
            "coverage[0.1,0.2]": 5.9420,
            "sim_gap": 1.8479,
            "sim_z*unworded": 0.5831,
            "coverage_z": 0.1641,
            "rare": 0.4950,
            "coverage_z*far": 0.6925,
            "coverage_reciprocal*far": 0.1836,
            "rare*far": 1.4570,
            "phrase*far": 1.4620,
            "phrases*far": 4.1668,
            "best_sim[0.2,0.4]": 0.4560,
            "best_sim[0.5,0.6]": 2.4269,
            "best_sim[0.6,0.7]": 5.4870,
            "best_sim[0.7,1.0]": 3.2739,
            "best_coverage[0.0,0.1]": 0.0002,
        },
        {"sim": (0.25, 0.15), "coverage": (0.12, 0.1)},
    ),
}

# For a model nothing was fitted for: no feature depends on the scale of its similarities.
MODEL_FREE = Weights(
    -4.4960,
    {
        "coverage[0.0,0.1]": 4.5631,
        "coverage[0.1,0.2]": 9.2801,
        "coverage[0.2,0.4]": 2.2031,
        "sim_z": 0.4970,
        "sim_z*unworded": 0.5892,
        "coverage_z": 0.3869,
        "coverage_reciprocal": 0.1850,
        "rare": 1.0294,
        "phrase": 0.5973,
        "phrases": 1.2204,
        "best_coverage[0.0,0.1]": 0.0002,
    },
    {"sim": (0.25, 0.15), "coverage": (0.12, 0.1)},
)

# For a query without a vector.
LEXICAL = Weights(
    -3.3735,
    {
        "coverage[0.1,0.2]": 11.5160,
        "coverage[0.2,0.4]": 1.6524,
        "coverage_z": 0.4181,
        "coverage_reciprocal": 0.4224,
        "rare": 0.1844,
        "phrases": 1.4391,
    },
    {"sim": (0.25, 0.15), "coverage": (0.12, 0.1)},
)
