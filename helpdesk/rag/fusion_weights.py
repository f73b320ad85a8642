"""The shipped weights of the fusion, and from what probability on a result is shown.

Fitted by logistic regression (L2, C = 1 on standardised features) on 1,508 queries over three corpora, indexed and
searched by the product itself; the best passage of each candidate document is one example, and each kind of query has
the same say whatever its number (rephrased questions half as much again):

- 719 answers of the StackFAQ development set: its 500 rephrased questions, where vectors lead by far, and 60 queries
  of exact words;
- 253 help-centre articles: 250 queries of menu names, codes and product words that stand in at most four articles,
  where words lead by far, 148 headings and pasted sentences, and 100 questions of another field without an answer;
- the 53 articles of the demonstration: 63 tickets with the article that solved them, 35 tickets that none solved,
  200 queries of exact words, 52 headings and pasted sentences, 100 questions of another field.

nDCG@10 where no query of a test fold was fitted on (5 folds by source document), words | vectors | hybrid:
rephrased questions .667 | .946 | .936, tickets .815 | .847 | .896, exact words in articles .911 | .653 | .895.
The probability of the first result is calibrated there: of those said to be relevant with .7 to .8 (mean .76) .79 were,
with .3 to .4 (mean .35) .38, with more than .9 (mean .96) .95.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Weights:
    """A logistic model: the intercept, and the weight of each feature by its name.

    Attributes:
        background: mean and spread of `sim` and `coverage` among the candidates of the fit that answered nothing.
    """

    intercept: float
    by_feature: Mapping[str, float]
    background: Mapping[str, tuple[float, float]] = field(default_factory=dict)


_COVERAGE_BACKGROUND = (0.12, 0.10)


# By the model's name without its tag: similarities of two models do not compare.
HYBRID: Mapping[str, Weights] = {
    "all-minilm": Weights(
        -6.4202,
        {
            "sim": 4.9014,
            "sim>0.4": 7.4857,
            "sim>0.5": 3.521,
            "sim>0.6": -4.0031,
            "sim>0.7": 0.7384,
            "sim_z": 1.5138,
            "sim_reciprocal": -0.6601,
            "sim_top": -2.4711,
            "coverage": 3.5008,
            "coverage>0.2": 3.9229,
            "coverage>0.4": -7.2142,
            "coverage>0.6": -2.3873,
            "coverage_z": 1.0912,
            "coverage_reciprocal": 0.5891,
            "coverage_top": -2.604,
            "sim_z*close": 3.3659,
            "coverage_z*close": -3.6432,
            "sim_z*worded": -5.5062,
            "coverage_z*worded": 4.6683,
            "sim_z*coverage_z": -0.2971,
        },
        {"sim": (0.25, 0.15), "coverage": _COVERAGE_BACKGROUND},
    ),
}

# For a model nothing was fitted for: no feature depends on the scale of its similarities.
MODEL_FREE = Weights(
    -7.3576,
    {
        "coverage": 14.6234,
        "coverage>0.2": -5.3469,
        "coverage>0.4": -4.4897,
        "coverage>0.6": -4.5363,
        "coverage_z": 0.7023,
        "coverage_reciprocal": 0.2423,
        "coverage_top": -3.6758,
        "coverage_z*worded": 3.5462,
        "sim_z": 3.1596,
        "sim_reciprocal": -1.0588,
        "sim_z*worded": -5.0768,
        "sim_z*coverage_z": -0.4045,
    },
    {"coverage": _COVERAGE_BACKGROUND},
)

# For a query without a vector.
LEXICAL = Weights(
    -4.8491,
    {
        "coverage": 17.7884,
        "coverage>0.2": -7.0722,
        "coverage>0.4": -4.3485,
        "coverage>0.6": -6.9835,
        "coverage_z": 0.7282,
        "coverage_reciprocal": -0.2814,
        "coverage_top": -6.4014,
        "coverage_z*worded": 1.9192,
    },
    {"coverage": _COVERAGE_BACKGROUND},
)

# What a vote of alike tickets adds; set by judgement (odds times 3 for a full vote), since no corpus has such votes.
GRAPH_LOGIT = 1.1

# Of the first results at or above it, 91 % answer a query that has an answer (average over the kinds above), and 78 %
# of the questions of another field get nothing; a higher floor loses answers of tickets faster than it wins.
RELEVANCE_FLOOR = 0.3
