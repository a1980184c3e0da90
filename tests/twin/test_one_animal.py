"""A judge that shares what stimuli were made on is said to, by what it shares."""

from __future__ import annotations

import re

import pytest

from graphtwin.twin.runs.answering import Answering
from graphtwin.twin.runs.one_animal import say_what_is_shared


def asked(twin: str, core: str, shared: str = "") -> Answering:
    return Answering((), {"twin": twin, "twin_core": core}, 1, {}, {}, {"a": shared})


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        (asked("t1", "c1"), "one that stimuli are made on; ranking on it verifies nothing"),
        (asked("t2", "c1"), "stands on the core that stimuli are made on"),
        (asked("t2", "c2", "one ridge"), "leans on a ridge on fixed energies.*share in a"),
        (asked("t2", "c2"), ""),
    ],
)
def test_what_a_judge_shares_with_those_that_made_the_stimuli_is_said(judge, told, caplog):
    say_what_is_shared(asked("t1", "c1", "one ridge"), judge, "runs/other")
    if told:
        assert caplog.records[0].getMessage().startswith("runs/other: ")
        assert re.search(told, caplog.text)
    else:
        assert not caplog.records
