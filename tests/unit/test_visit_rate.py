import pytest

from api.visit_rate import VisitedTooOften, VisitRate


def test_a_visitor_may_come_so_often_a_minute() -> None:
    now = 100.0
    rate = VisitRate(per_minute=2, clock=lambda: now)
    rate.admit("a")
    now = 110.0
    rate.admit("a")
    with pytest.raises(VisitedTooOften) as refused:
        rate.admit("a")
    assert refused.value.context["retry_after"] == 50
    rate.admit("b")
    now = 160.0
    rate.admit("a")
