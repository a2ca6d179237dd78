"""Which budget a node may use, by what its heartbeats showed: never sooner than everybody must know of it."""

from __future__ import annotations

import pytest

from gateway.coordination.membership import DELAY_S, LIVE_S, Kind, Look, Membership, Peer


class Told:
    """A node that beats each second and is told what to see."""

    def __init__(self, name: str = "b") -> None:
        self.member, self.name, self.now = Membership(name), name, 100.0

    def beat(self, *others: Peer, times: int = 1, every_s: float = 1.0, turns: int = 0) -> None:
        """Some heartbeats, each a second after the one before, all of them showing the same others."""
        for _ in range(times):
            self.now += every_s
            flag = self.member.flag(self.now)
            me = Peer(self.name, True, 0.0, flag, turns + flag)
            self.member.saw(Look(self.now, self.now + 0.01, (*others, me)))

    def kind(self, later_s: float = 0.02) -> Kind:
        """What it may use a moment after its last heartbeat."""
        return self.member.permit(self.now + later_s).kind


WELL, WITHOUT = Peer("a", True, 0.2), Peer("a", True, 0.2, True, 1)


def test_nobody_sends_before_the_second_look() -> None:
    """By the first one it may have been missed."""
    told = Told()
    assert told.kind() is Kind.NEITHER
    told.beat(WELL)
    assert told.kind() is Kind.NEITHER
    told.beat(WELL, every_s=0.05)
    assert told.kind() is Kind.COMMON


def test_a_node_whose_last_look_is_old_sends_nothing() -> None:
    """Long before the others may take it for dead."""
    told = Told()
    told.beat(WELL, times=4)
    assert told.kind(DELAY_S - 0.05) is Kind.COMMON
    assert told.kind(DELAY_S + 0.05) is Kind.NEITHER


def test_another_without_redis_changes_everybody_over_with_a_gap() -> None:
    """The common budget as long as it was certain a delay ago, then nothing for a heartbeat, then shares."""
    told = Told()
    told.beat(WELL, times=5)
    told.beat(WITHOUT)
    assert told.member.somebody_without_redis()
    kinds = []
    for _ in range(10):
        kinds.append(told.kind())
        told.beat(WITHOUT, every_s=0.5)
    assert kinds[0] is Kind.COMMON and kinds[-1] is Kind.SHARE
    order = [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind is not before]
    assert order == [Kind.COMMON, Kind.NEITHER, Kind.SHARE]
    permit = told.member.permit(told.now)
    assert (permit.live, permit.rank) == (2, 1)


def test_alone_without_redis_it_waits_for_one_more_look_and_no_longer() -> None:
    """Nobody else is there to be hurt."""
    told = Told()
    told.beat(times=4)
    told.member.say_without_redis(True)
    told.beat(every_s=0.05)
    told.beat(every_s=0.05)
    assert told.kind() is Kind.SHARE
    assert told.member.permit(told.now + 0.02).since == pytest.approx(told.now + 0.01)


def test_a_flag_that_was_lowered_and_raised_between_two_looks_begins_anew() -> None:
    """The counter shows it: in between somebody may have used the common budget."""
    told = Told()
    told.beat(WITHOUT, times=6)
    assert told.kind() is Kind.SHARE
    told.beat(Peer("a", True, 0.2, True, 3))
    since = told.member.permit(told.now + DELAY_S - 0.1)
    assert since.kind is Kind.NEITHER or since.since >= told.now + DELAY_S


def test_after_a_silence_of_its_own_the_flag_is_down_once() -> None:
    """Others counted it as dead meanwhile: its old flag must not seem to have lasted."""
    told = Told()
    told.member.say_without_redis(True)
    assert not told.member.flag(told.now)
    told.beat(times=2)
    assert told.member.flag(told.now + 1.0)
    assert not told.member.flag(told.now + DELAY_S)


def test_a_node_that_stopped_keeps_its_flag_up_until_it_would_be_dead() -> None:
    """Whoever saw it may still be using shares; and then everybody knows since when it is down."""
    told = Told()
    told.beat(Peer("a", False, 1.0, True, 1), times=3)
    assert told.member.somebody_without_redis() and told.member.live() == 1
    told = Told()
    told.beat(Peer("a", False, LIVE_S + DELAY_S + 1, True, 1))
    told.beat(Peer("a", False, LIVE_S + DELAY_S + 1.05, True, 1), every_s=0.05)
    assert told.kind() is Kind.COMMON


def test_a_clock_of_the_journal_that_was_set_forward_stops_everybody_for_a_while() -> None:
    """All others seem silent, and are not: to take the whole limit for oneself would be wrong."""
    told = Told()
    told.member.say_without_redis(True)
    told.beat(WITHOUT, times=6)
    assert told.kind() is Kind.SHARE
    told.beat(Peer("a", True, 3_600.0, True, 1))
    told.beat(Peer("a", True, 3_600.1, True, 1), every_s=0.05)
    told.beat(Peer("a", True, 3_600.2, True, 1), every_s=0.05)
    assert told.kind() is Kind.NEITHER
    told.beat(WITHOUT, times=8)
    assert told.kind() is Kind.SHARE


def test_another_process_under_this_name_ends_every_permission() -> None:
    """At once."""
    told = Told()
    told.beat(WELL, times=4)
    told.member.lost()
    assert told.kind() is Kind.NEITHER


def test_a_delay_longer_than_a_silence_is_refused() -> None:
    """A node would be taken for dead while it still sends."""
    with pytest.raises(ValueError, match="dead"):
        Membership("a", delay_s=LIVE_S + 1)
