"""What is asked for again, and what is sent again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("aiortc", reason="the extra serve")

from aiortc import RTCRtpReceiver, RTCRtpSender
from aiortc.rtp import RTCP_RTPFB_NACK, RTP_HISTORY_SIZE, RtcpRtpfbPacket, RtpPacket

from stream.serve.peers.retransmission import MAX_AGAIN_S, NearLosses, limit_retransmission


def packet(number: int) -> RtpPacket:
    return RtpPacket(sequence_number=number & 0xFFFF)


def test_what_is_missing_just_before_is_asked_for() -> None:
    gaps: list[int] = []
    losses = NearLosses(lambda: gaps.append(1))
    assert [losses.add(packet(n)) for n in (65530, 65531, 2)] == [False, False, True]
    assert losses.missing == {65532, 65533, 65534, 65535, 0, 1}
    losses.add(packet(0))
    assert 0 not in losses.missing
    assert gaps == []


def test_across_a_long_gap_it_begins_anew() -> None:
    gaps: list[int] = []
    losses = NearLosses(lambda: gaps.append(1))
    for n in range(2000):  # each time half of all numbers on, which would be noted one by one
        losses.add(packet(30_000 * n))
    assert losses.missing == set()
    assert len(gaps) > 900


class Transport:
    state = "new"


def test_a_visitor_cannot_have_everything_sent_again() -> None:
    async def ask() -> int:
        transport: Any = Transport()
        receiver, sender = RTCRtpReceiver("video", transport), RTCRtpSender("video", transport)
        num_sent = 0

        async def send_again(number: int) -> None:
            nonlocal num_sent
            num_sent += 1

        sender._retransmit = send_again  # type: ignore[method-assign]
        limit_retransmission(receiver, sender, lambda: None)
        for _ in range(50):
            report = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=sender._ssrc)
            report.lost = list(range(5000))
            await sender._handle_rtcp_packet(report)
            assert len(report.lost) == RTP_HISTORY_SIZE
        return num_sent

    assert 0 < asyncio.run(ask()) < 3 * MAX_AGAIN_S


def test_a_video_goes_on_after_a_long_gap() -> None:
    async def ask() -> None:
        transport: Any = Transport()
        receiver, sender = RTCRtpReceiver("video", transport), RTCRtpSender("video", transport)
        gaps: list[int] = []
        limit_retransmission(receiver, sender, lambda: gaps.append(1))
        before = receiver._RTCRtpReceiver__jitter_buffer  # type: ignore[attr-defined]
        losses = receiver._RTCRtpReceiver__nack_generator  # type: ignore[attr-defined]
        losses.add(packet(1))
        losses.add(packet(1000))
        buffer = receiver._RTCRtpReceiver__jitter_buffer  # type: ignore[attr-defined]
        assert buffer is not before
        assert buffer.capacity == before.capacity
        assert gaps == [1]

    asyncio.run(ask())
