"""The shipped weights of the fusion, and from what probability on a result is shown.

Fitted by `scripts/bench/fit_fusion` to 2,375 judged queries over six sets of documents, indexed and searched by the
product itself with all-minilm (4 bits), and to 420 questions of other corpora that nothing answers. First the order: a
softmax of each answer against all that is none, no weight negative, so that more similarity or more shared words never
make a passage less relevant. Then the promise: logistic regression on the order's score and on how good the best
candidate is. Each corpus has the same say, the first one two.

nDCG@10, with the corpus and all that shares its documents left out of the fit; then with the desk's own share of words
fitted to 30 of its queries (half where there are fewer than 60 to spare), those queries left out, mean of six draws:

    corpus                                        lexical  vector  hybrid  fitted
    rephrased questions, 719 answers (StackFAQ)      .697    .946    .938    .944
    the same, questions in exact words               .872    .489    .906    .927
    253 help-centre articles, exact words            .767    .520    .812    .851
    the same without titles, found by them           .715    .768    .787    .792
    53 articles of the demonstration, tickets        .823    .869    .887    .847
    the same, exact words                            .920    .653    .923    .961
    239 answers of users, found by subjects          .548    .722    .725    .730
    385 sentences to a bank, others of like intent   .412    .610    .616    .618
    500 function descriptions, by their summaries    .712    .817    .827    .820
    the same, exact words                            .897    .603    .924    .928

From where words count fully (`_NAMED` and `_LEAST_SAY` in `fusion`), how strongly a desk's fit is held back
(`fitting`), the noise that its contest allows (`contest.NOISE`) and the 0.6 below were chosen with all ten in view, so
the figures are somewhat kind. The candidates were collected before codes were split at letters and digits. Without a
fit a corpus of a kind that was never seen may lose a hundredth to the better list (the first row does, .008; once it is
part of the fit, .004), and a fit brings it within some thousandths. The fitted figures are means over the queries left
out, those of the other columns over all; the tickets are 63, so that half of them says little.

What first results of corpora left out promised and kept: of .3 to .4 (mean .35) .73 answered, of .5 to .6 .77, of .7
to .8 .82, of .9 to 1 .80; of .1 to .2 .50 did. Low promises are cautious where a corpus differs from the others, until
there are judgements to bring them in line, although the log odds were raised by 0.6 for such corpora.
"""

from __future__ import annotations

from helpdesk.rag.retrieval.fusion_table import HYBRID, LEXICAL, MODEL_FREE
from helpdesk.rag.retrieval.weights import Weights

__all__ = [
    "CODE_LOGIT",
    "GRAPH_LOGIT",
    "HYBRID",
    "LEXICAL",
    "MODEL_FREE",
    "RELEVANCE_FLOOR",
    "Weights",
    "shipped_weights",
]


def shipped_weights(model: str | None) -> Weights:
    """Return the weights for a model by its name, with or without a tag; None stands for a search without vectors."""
    if model is None:
        return LEXICAL
    return HYBRID.get(model.split(":", 1)[0], MODEL_FREE)


# What a vote of alike tickets adds; set by judgement (odds times 3 for a full vote), since no corpus has such votes.
GRAPH_LOGIT = 1.1

# What a code adds that query and title both name, whatever language the rest is in: of the demonstration's past tickets
# 12 name a code of a title, and that article solved all 12; (12 + 1) / (12 + 2) are odds of 13.
CODE_LOGIT = 2.56

# On corpora left out 88 % of the questions with an answer get a result at it, and 80 % of the first results answer; of
# the questions of another field 8 % get one.
RELEVANCE_FLOOR = 0.3
