from __future__ import annotations

from helpdesk.ai.providers.pace import Pace
from helpdesk.ai.providers.token_ratio import TokenRatio


def test_a_call_that_was_too_slow_halves_the_next_ones_down_to_one() -> None:
    pace = Pace()
    sizes = []
    for _ in range(7):
        sizes.append(pace.texts)
        pace.too_slow(pace.texts)
    assert sizes == [32, 16, 8, 4, 2, 1, 1]


def test_a_small_batch_that_was_too_slow_counts_by_its_own_size() -> None:
    pace = Pace()
    pace.too_slow(6)
    assert pace.texts == 3


def test_calls_in_time_bring_larger_ones_back_slowly() -> None:
    pace = Pace()
    pace.too_slow(32)
    for _ in range(19):
        pace.in_time()
    assert pace.texts == 16
    pace.in_time()
    assert pace.texts == 32


def test_dense_texts_decide_how_long_a_token_is_taken_to_be() -> None:
    ratio = TokenRatio()
    for number in range(20):
        ratio.learn(["a" * 1000], 502 if number % 5 == 0 else 252)
    assert ratio.chars_per_token == 2.0


def test_nothing_is_said_of_tokens_before_enough_has_been_seen_or_where_nothing_is_counted() -> None:
    ratio = TokenRatio()
    for _ in range(7):
        ratio.learn(["a" * 1000], 252)
    for _ in range(20):
        ratio.learn(["a" * 1000], None)
        ratio.learn(["short"], 4)
    assert ratio.chars_per_token is None


def test_a_count_that_cannot_be_is_kept_within_what_tokenizers_do() -> None:
    ratio = TokenRatio()
    for _ in range(10):
        ratio.learn(["a" * 1000], 9000)
    assert ratio.chars_per_token == 0.5
