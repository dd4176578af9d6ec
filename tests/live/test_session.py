"""The session machine: its table is walked, and is the one that the page prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import LocalProtocolError
from audiokit.live.session import TABLE, Event, Session, State

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "protocol.md"


def reachable(start, without=()):
    """Return the states that may follow, by any events but those."""
    found, ahead = {start}, [start]
    while ahead:
        for event, state in TABLE[ahead.pop()].items():
            if event not in without and state not in found:
                found.add(state)
                ahead.append(state)
    return found


@given(st.lists(st.sampled_from(Event), max_size=60))
def test_every_walk_follows_the_table_and_refuses_what_is_not_in_it(events):
    session = Session()
    for event in events:
        before = session.state
        if event in TABLE[before]:
            assert session.may(event)
            assert session.handle(event) is TABLE[before][event]
        else:
            assert not session.may(event)
            with pytest.raises(LocalProtocolError, match=before.value):
                session.handle(event)
            assert session.state is before


@pytest.mark.parametrize("state", State)
def test_every_state_leads_to_every_other(state):
    assert reachable(state) == set(State)


def test_error_recovers_by_one_step_whatever_happens_meanwhile():
    stays = reachable(State.ERROR, {Event.RECOVER, Event.STOP})
    assert stays == {State.ERROR}
    assert TABLE[State.ERROR][Event.RECOVER] is State.RECORDING


@pytest.mark.parametrize("state", State)
def test_every_state_but_idle_may_fail_and_all_may_stop(state):
    assert TABLE[state][Event.STOP] is State.IDLE
    assert (Event.FAIL in TABLE[state]) == (state is not State.IDLE)


@pytest.mark.parametrize("state", set(State) - {State.IDLE, State.RECORDING})
def test_a_lost_connection_is_an_event_in_every_state_that_has_one(state):
    assert Event.DISCONNECTED in TABLE[state]


def test_the_page_prints_the_table():
    section = PAGE.read_text("utf-8").partition("## States")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \|$", section, re.MULTILINE)
    assert rows == [
        (state.value, event.value, following.value)
        for state, events in TABLE.items()
        for event, following in events.items()
    ]
