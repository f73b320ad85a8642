"""The shipped weights of the fusion, and from what probability on a result is shown.

Fitted by logistic regression (L2, C = 1 on scaled features) in which no weight may be negative: more similarity or
more shared words never make a passage less relevant. The examples are 1,508 queries over three corpora, indexed and
searched by the product itself; the best passage of each candidate document is one example, and each kind of query has
the same say whatever its number (rephrased questions half as much again, queries within a corpus less):

- 719 answers of the StackFAQ development set: its 500 rephrased questions, where vectors lead by far, and 60 queries
  of exact words;
- 253 help-centre articles: 250 queries of menu names, codes and product words that stand in at most four articles,
  where words lead by far, 148 headings and pasted sentences, and 100 questions of another field without an answer;
- the 53 articles of the demonstration: 63 tickets with the article that solved them, 35 tickets that none solved,
  200 queries of exact words, 52 headings and pasted sentences, 100 questions of another field.

nDCG@10 where no query of a test fold was fitted on (5 folds by source document), words | vectors | hybrid:
rephrased questions .697 | .946 | .933, tickets .816 | .847 | .879, exact words in the help centre .907 | .653 | .888
and in the demonstration .935 | .637 | .911. Equal-weight reciprocal ranks give .852, .859, .803 and .791.
With a whole corpus left out of the fit: .864, .881, .882 and .904.
The probability of the first result is calibrated in the same folds: of those said to be relevant with .7 to .8
(mean .75) .78 were, with .2 to .3 (mean .25) .30, with more than .9 (mean .97) .96.
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
        -5.5179,
        {
            "sim[0.2,0.4]": 1.1721,
            "sim[0.4,0.5]": 7.0755,
            "sim[0.5,0.6]": 13.3335,
            "sim[0.6,0.7]": 6.7896,
            "sim[0.7,1.0]": 10.0992,
            "sim_gap": 2.2926,
            "sim_z*unworded": 0.9216,
            "sim_z*close*unworded": 1.5882,
            "coverage[0.1,0.2]": 2.293,
            "coverage[0.2,0.4]": 5.3523,
            "coverage[0.4,0.6]": 1.6389,
            "coverage_gap": 1.2641,
            "coverage_z*worded": 0.9227,
            "coverage_z*far": 0.8351,
        },
        {"sim": (0.25, 0.15), "coverage": _COVERAGE_BACKGROUND},
    ),
}

# For a model nothing was fitted for: no feature depends on the scale of its similarities.
MODEL_FREE = Weights(
    -7.0898,
    {
        "sim_z": 0.3717,
        "sim_z*unworded": 2.03,
        "coverage[0.0,0.1]": 16.3465,
        "coverage[0.1,0.2]": 12.1158,
        "coverage[0.2,0.4]": 6.8425,
        "coverage[0.4,0.6]": 1.2419,
        "coverage_gap": 3.6774,
        "coverage_reciprocal": 0.1724,
        "coverage_z*worded": 1.2844,
    },
    {"coverage": _COVERAGE_BACKGROUND},
)

# For a query without a vector.
LEXICAL = Weights(
    -4.135,
    {
        "coverage[0.0,0.1]": 1.4466,
        "coverage[0.1,0.2]": 15.3891,
        "coverage[0.2,0.4]": 3.2127,
        "coverage_gap": 6.8249,
        "coverage_z": 0.6401,
        "coverage_z*worded": 0.6773,
    },
    {"coverage": _COVERAGE_BACKGROUND},
)

# What a vote of alike tickets adds; set by judgement (odds times 3 for a full vote), since no corpus has such votes.
GRAPH_LOGIT = 1.1

# What a code adds that query and title both name, whatever language the rest is in: of the demonstration's past tickets
# 12 name a code of a title, and that article solved all 12; (12 + 1) / (12 + 2) are odds of 13.
CODE_LOGIT = 2.56

# Of the first results at or above it, 90 % answer a query that has an answer (average over the kinds above), and 81 %
# of the questions of another field get nothing; a higher floor loses answers of tickets faster than it gains.
RELEVANCE_FLOOR = 0.3
