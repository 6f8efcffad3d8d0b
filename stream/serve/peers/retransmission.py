"""Packets that were lost: how many are asked for, and how many are sent again.

aiortc notes each number between two packets as lost, however far they lie apart, then waits for
hundreds of others before it goes on without them. It sends again whatever it is asked for, as often
as it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpReceiver, RTCRtpSender
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RTP_HISTORY_SIZE, AnyRtcpPacket, RtcpRtpfbPacket, RtpPacket
from aiortc.utils import uint16_add, uint16_gt

from stream.serve.fairness.allowance import Allowance

#: Packets sent again a second; a link that loses more of a video than this shows nothing anyway.
MAX_AGAIN_S = 200.0
#: Packets from which frames are put together, a power of two; as many as aiortc has.
JITTER_BUFFER = 512


class NearLosses(NackGenerator):
    """Asks for what is missing just before a packet.

    Args:
        on_gap: called where so much is missing that none of it is asked for.
    """

    def __init__(self, on_gap: Callable[[], None]) -> None:
        """Begin with nothing received."""
        super().__init__()
        self._on_gap = on_gap

    def add(self, packet: RtpPacket) -> bool:
        """Mark a packet as received; returns whether others are missing now."""
        last = self.max_seq
        if last is not None and uint16_gt(packet.sequence_number, last):
            if uint16_add(packet.sequence_number, -last) > RTP_HISTORY_SIZE:
                self.missing.clear()
                self.max_seq = packet.sequence_number
                self._on_gap()
                return False
        return super().add(packet)


def limit_retransmission(
    receiver: RTCRtpReceiver, sender: RTCRtpSender, on_gap: Callable[[], None]
) -> None:
    """Limit what a visitor can make both of them do, before they begin.

    Args:
        receiver: of a visitor's video.
        sender: of what goes back.
        on_gap: called where so much was lost that the video begins anew after it.
    """

    def begin_anew() -> None:
        buffer = JitterBuffer(capacity=JITTER_BUFFER, is_video=True)
        receiver._RTCRtpReceiver__jitter_buffer = buffer  # type: ignore[attr-defined]
        on_gap()

    receiver._RTCRtpReceiver__nack_generator = NearLosses(begin_anew)  # type: ignore[attr-defined]
    handle, again = sender._handle_rtcp_packet, sender._retransmit
    allowed = Allowance(MAX_AGAIN_S, 2 * MAX_AGAIN_S)

    async def handle_some(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRtpfbPacket):
            packet.lost = packet.lost[:RTP_HISTORY_SIZE]
        await handle(packet)

    async def send_again(sequence_number: int) -> Any:
        if allowed.allows():
            await again(sequence_number)

    sender._handle_rtcp_packet = handle_some  # type: ignore[method-assign]
    sender._retransmit = send_again  # type: ignore[method-assign]
