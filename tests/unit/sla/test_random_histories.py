"""Thousands of tickets at random, each computed by the product and lived through step by step by the oracle."""

import os
from random import Random

from helpdesk.sla.rules.exchange import simulate

from .history_oracle import Desk
from .random_histories import opens, random_case

# A few seconds' worth; set it higher for a long look.
HISTORIES = int(os.environ.get("ATUM_SLA_HISTORIES", "1500"))
SEED = int(os.environ.get("ATUM_SLA_SEED", "20260303"))


def test_every_history_gives_the_clocks_that_living_through_it_gives():
    for number in range(HISTORIES):
        case = random_case(Random(f"{SEED}-{number}"))
        lived = [{"as_of": at, "clocks": Desk(case, opens()).clocks(at)} for at in instants(case)]
        assert simulate(case)["cases"][0].get("checks") == lived, (number, case)


def instants(case):
    return [check["as_of"] for check in case["checks"]]
