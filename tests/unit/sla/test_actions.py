from typing import Any

import pytest

from helpdesk.database.base import new_id
from helpdesk.models.values import Audience, TicketPriority
from helpdesk.sla.rules.actions import Actions, AddTag, Notify, RaisePriority, Reassign, read_ticket_action
from helpdesk.sla.rules.policy import InvalidPolicy

SOMEBODY = str(new_id())


def test_a_level_tells_the_assignee_unless_its_policy_says_otherwise() -> None:
    actions = Actions.from_json({"90": [], "100": [{"do": "tag", "tag": " late "}]})
    assert actions.at(75, "resolution") == (Notify(do="notify", who=(Audience.ASSIGNEE,)),)
    assert actions.at(90, "resolution") == ()
    assert actions.at(100, "resolution") == (AddTag(do="tag", tag="late"),)


def test_an_action_can_be_meant_for_some_metrics_only() -> None:
    both = [{"do": "notify", "who": ["team"]}, {"do": "raise_priority", "metrics": ["resolution"]}]
    actions = Actions.from_json({"100": both})
    assert actions.at(100, "first_response") == (Notify(do="notify", who=(Audience.TEAM,)),)
    assert len(actions.at(100, "resolution")) == 2


def test_actions_come_back_from_json_as_they_went() -> None:
    said: dict[str, Any] = {
        "75": [{"do": "notify", "who": ["assignee", "watchers"]}],
        "90": [{"do": "reassign", "team_lead": True}, {"do": "raise_priority"}],
        "100": [{"do": "reassign", "user_id": SOMEBODY}, {"do": "webhook", "endpoint_id": SOMEBODY}],
    }
    actions = Actions.from_json(said)
    again = Actions.from_json(actions.model_dump(mode="json")["by_level"])
    assert again == actions
    assert actions.at(90, "resolution")[1] == RaisePriority(do="raise_priority", to=None)


@pytest.mark.parametrize(
    ("level", "action", "words"),
    [
        ("90", {"do": "explode"}, "actions.90.0"),
        ("0", {"do": "notify"}, "actions.*0"),
        ("soon", {"do": "notify"}, "actions.*soon"),
        ("90", {"do": "notify", "who": []}, "who"),
        ("90", {"do": "notify", "whom": ["team"]}, "whom"),
        ("90", {"do": "notify", "metrics": []}, "metrics"),
        ("90", {"do": "notify", "metrics": ["patience"]}, "metrics"),
        ("90", {"do": "reassign"}, "name one of user_id, team and team_lead"),
        ("90", {"do": "reassign", "user_id": SOMEBODY, "team": "network"}, "name one of"),
        ("90", {"do": "reassign", "team_lead": False}, "team_lead"),
        ("90", {"do": "raise_priority", "to": "huge"}, "to"),
        ("90", {"do": "tag", "tag": "   "}, "tag"),
        ("90", {"do": "tag", "tag": "x" * 51}, "tag"),
        ("90", {"do": "tag", "tag": "two\nlines"}, "tag"),
        ("90", {"do": "webhook"}, "endpoint_id"),
    ],
)
def test_a_sentence_names_what_is_wrong(level: str, action: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidPolicy, match=words):
        Actions.from_json({level: [action]})


def test_a_level_has_so_many_actions_and_no_more() -> None:
    with pytest.raises(InvalidPolicy, match=r"actions\.90"):
        Actions.from_json({"90": [{"do": "notify"}] * 21})


def test_a_job_carries_what_changes_a_ticket_and_nothing_else() -> None:
    action = {"do": "reassign", "team": "network"}
    assert read_ticket_action(action) == Reassign(do="reassign", team="network")
    assert read_ticket_action(RaisePriority(do="raise_priority", to=TicketPriority.HIGH).model_dump(mode="json"))
    for unfit in ({"do": "notify"}, {"do": "tag"}, {}):
        with pytest.raises(InvalidPolicy, match="action"):
            read_ticket_action(unfit)
