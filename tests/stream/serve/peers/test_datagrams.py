"""Datagrams: those of a visitor, and floods of every kind."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("aiortc", reason="the extra serve")

from stream.serve.peers import datagrams as module
from stream.serve.peers.datagrams import DatagramLimits, Datagrams
from stream.serve.site.limits import Limits

CHECK, RECORD = b"\x00\x01" + b"c" * 90, b"\x17\xfe" + b"r" * 80
STRANGE = b"\x00\x01" + b"s" * 90  # a check of somebody who does not know what only they know
HANDSHAKE, ALERT = b"\x16\xfe" + b"h" * 80, b"\x15\xfe" + b"a" * 20
REPORT, PACKET = b"\x81\xc9" + b"x" * 60, b"\x90\x60" + b"p" * 1100
LIMITS = DatagramLimits(Limits().max_media_packets_s, Limits().max_media_bytes_s)
HERE, ELSEWHERE = ("127.0.0.1", 5000), ("192.0.2.1", 5000)


class Coming:
    """Judges datagrams at times of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.num_excesses, self.is_connected = 0.0, 0, True
        self.here: tuple[str, int] | None = HERE
        allowance = module.Allowance

        def with_clock(*numbers: float, at_first: float | None = None) -> module.Allowance:
            return allowance(*numbers, at_first=at_first, clock=lambda: self.now)

        monkeypatch.setattr(module, "Allowance", with_clock)
        self.one = Datagrams(
            LIMITS,
            is_connected=lambda: self.is_connected,
            is_invited=lambda data, sender: data == CHECK,
            is_theirs=lambda sender: sender == self.here,
            on_excess=self._exceed,
        )

    def _exceed(self) -> None:
        self.num_excesses += 1

    def send(self, data: bytes, num: int, sender: tuple[str, int] = HERE) -> int:
        """Returns how many of so many are looked at."""
        return sum(self.one.admit(data, sender) for _ in range(num))


def test_a_visit_with_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    coming = Coming(monkeypatch)
    coming.send(HANDSHAKE, 6)  # the last that they said of it comes again until it is answered
    second = [(PACKET, 180), (REPORT, 12), (RECORD, 20), (CHECK, 4)]
    for elapsed_s in [1] * 30 + [9] + [1] * 5 + [20]:  # what was held back comes with what is new
        coming.now += elapsed_s
        for data, num in second:
            assert coming.send(data, num * elapsed_s) == num * elapsed_s
    assert coming.num_excesses == 0


@pytest.mark.parametrize("data", [CHECK, RECORD, REPORT, PACKET, b"", b"\xff"])
def test_who_never_connects_soon_sends_too_much(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    coming = Coming(monkeypatch)
    coming.is_connected = False
    for _ in range(10):
        coming.now += 1
        coming.send(data, 20)
    assert coming.num_excesses == 0
    for _ in range(20):
        coming.now += 1
        coming.send(data, 20)
    assert coming.num_excesses == 1
    assert coming.send(CHECK, 1) == 0


@pytest.mark.parametrize("data", [PACKET, b"\xff"])
def test_too_much_video_is_lost(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    coming = Coming(monkeypatch)
    looked_at = 0
    for _ in range(200):
        coming.now += 0.1
        looked_at += coming.send(data, 120)
    assert coming.num_excesses == 0
    assert looked_at < 20 * (LIMITS.max_media_s + 5) + 2 * LIMITS.max_media_s
    assert coming.send(RECORD, 1) == 1  # the other kinds come through


@pytest.mark.parametrize("data", [CHECK, RECORD, REPORT, b""])
def test_who_goes_on_sending_too_much_of_what_no_video_needs(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    coming = Coming(monkeypatch)
    for _ in range(100):
        coming.now += 0.1
        coming.send(data, 50)
    assert coming.num_excesses == 1


@pytest.mark.parametrize("data", [HANDSHAKE, ALERT, b"\x14\xfe"])
def test_who_goes_on_with_a_handshake_that_is_done(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    coming = Coming(monkeypatch)
    looked_at = 0
    for _ in range(10):
        coming.now += 1
        looked_at += coming.send(data, 10)
    assert coming.num_excesses == 1
    assert looked_at <= 40


def test_what_comes_at_once_after_a_minute_is_not_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    coming = Coming(monkeypatch)
    coming.now += 60
    for data, num in ((REPORT, 720), (RECORD, 1200), (CHECK, 240)):
        coming.send(data, num)
    assert coming.num_excesses == 0


@pytest.mark.parametrize("data", [STRANGE, RECORD, REPORT, HANDSHAKE, b"", b"\xff"])
def test_what_comes_before_they_do_is_not_theirs(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    coming = Coming(monkeypatch)
    coming.is_connected, coming.here = False, None
    for port in range(60):
        assert coming.send(data, 50, (ELSEWHERE[0], port)) == 0
    assert coming.send(CHECK, 4) == 4
    coming.here = HERE  # they have answered
    assert coming.send(HANDSHAKE, 30) == 30
    assert coming.num_excesses == 0


def test_checks_before_they_answer_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    coming = Coming(monkeypatch)
    coming.is_connected, coming.here = False, None
    assert 50 < sum(coming.send(CHECK, 1, ("192.0.2.1", num % 40)) for num in range(2000)) <= 200
    assert coming.num_excesses == 0


@pytest.mark.parametrize("data", [CHECK, STRANGE, RECORD, REPORT, PACKET, b"", b"\xff"])
def test_what_others_send_is_not_the_visitors(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    coming = Coming(monkeypatch)
    for _ in range(100):
        coming.now += 0.1
        for port in range(5):
            assert coming.send(data, 200, (ELSEWHERE[0], port)) <= (200 if data == CHECK else 0)
        for own, num in ((PACKET, 18), (REPORT, 1), (RECORD, 2), (CHECK, 1)):
            assert coming.send(own, num) == num
    assert coming.num_excesses == 0


def test_floods_are_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for data, num in ((b"\x80", 1000), (bytes([0x90, 0x60]) + b"p" * 60_000, 30)):
        with monkeypatch.context() as patching:
            coming = Coming(patching)
            for _ in range(200):
                coming.now += 0.1
                coming.send(data, num)
            assert coming.num_excesses == 1
            assert coming.send(RECORD, 1) == 0


def test_numbers_of_senders_and_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    coming = Coming(monkeypatch)
    chance = random.Random(1)
    coming.send(PACKET, 1)
    for num in range(3000):
        coming.now += 0.1
        coming.send(CHECK, 1, ("192.0.2.1", num))
        coming.send(PACKET[:8] + chance.randbytes(4) + PACKET[12:], 1)
    assert len(coming.one._senders) == module.MAX_SENDERS
    assert len(coming.one._streams) == module.MAX_STREAMS
    assert coming.send(PACKET, 1) == 1
