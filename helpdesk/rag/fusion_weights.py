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
rephrased questions .667 | .946 | .934, tickets .815 | .847 | .880, exact words in the help centre .911 | .653 | .890
and in the demonstration .943 | .637 | .921. Equal-weight reciprocal ranks give .838, .857, .805 and .800.
With a whole corpus left out of the fit: .850, .874, .883 and .911.
The probability of the first result is calibrated in the same folds: of those said to be relevant with .7 to .8
(mean .75) .81 were, with .2 to .3 (mean .25) .41, with more than .9 (mean .97) .96.
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
        -5.5592,
        {
            "sim[0.2,0.4]": 1.1511,
            "sim[0.4,0.5]": 7.6336,
            "sim[0.5,0.6]": 14.2192,
            "sim[0.6,0.7]": 6.9158,
            "sim[0.7,1.0]": 10.8352,
            "sim_gap": 2.3479,
            "sim_z*unworded": 0.9086,
            "sim_z*close*unworded": 1.6312,
            "coverage[0.1,0.2]": 0.5889,
            "coverage[0.2,0.4]": 5.6373,
            "coverage[0.4,0.6]": 0.6754,
            "coverage_gap": 0.8296,
            "coverage_z*worded": 0.9181,
            "coverage_z*far": 0.8966,
        },
        {"sim": (0.25, 0.15), "coverage": _COVERAGE_BACKGROUND},
    ),
}

# For a model nothing was fitted for: no feature depends on the scale of its similarities.
MODEL_FREE = Weights(
    -6.8854,
    {
        "sim_z": 0.37,
        "sim_z*unworded": 2.0859,
        "coverage[0.0,0.1]": 14.6922,
        "coverage[0.1,0.2]": 11.6352,
        "coverage[0.2,0.4]": 6.579,
        "coverage_gap": 3.2938,
        "coverage_reciprocal": 0.1636,
        "coverage_z*worded": 1.3309,
    },
    {"coverage": _COVERAGE_BACKGROUND},
)

# For a query without a vector.
LEXICAL = Weights(
    -4.0746,
    {
        "coverage[0.0,0.1]": 1.5685,
        "coverage[0.1,0.2]": 14.5953,
        "coverage[0.2,0.4]": 2.6382,
        "coverage_gap": 6.3464,
        "coverage_z": 0.6397,
        "coverage_z*worded": 0.656,
    },
    {"coverage": _COVERAGE_BACKGROUND},
)

# What a vote of alike tickets adds; set by judgement (odds times 3 for a full vote), since no corpus has such votes.
GRAPH_LOGIT = 1.1

# Of the first results at or above it, 90 % answer a query that has an answer (average over the kinds above), and 80 %
# of the questions of another field get nothing; a higher floor loses answers of tickets faster than it gains.
RELEVANCE_FLOOR = 0.3
