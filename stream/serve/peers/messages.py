"""The data channel: messages that never end, are full of gaps, or acknowledge what was never sent.

aiortc keeps a message that never ends however long it is, also beyond the window that it
announces, and looks through what it keeps at every piece that arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiortc.rtcsctptransport import (
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    RTCSctpTransport,
    SackChunk,
)

from stream.serve.fairness.allowance import Allowance

#: Of messages that are not whole yet: bytes by those of the longest, pieces by messages a second.
UNFINISHED_BYTES, UNFINISHED_PIECES = 8, 10
#: Pieces a second by messages a second; the longest message of a browser comes in two.
PIECES_S = 20
#: Gaps in an acknowledgement, and how far from its beginning they may lie, in pieces: what is sent
#: to a visitor and not acknowledged yet is a few messages.
MAX_GAPS, LAST_GAP = 32, 1000


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """Of messages on a data channel.

    Attributes:
        max_bytes: of one.
        max_num_s: of them, a second.
    """

    max_bytes: int
    max_num_s: int


def limit_messages(
    sctp: RTCSctpTransport, limits: MessageLimits, on_excess: Callable[[], None]
) -> None:
    """Take no more of messages than may become of them, once the offer is set.

    Args:
        sctp: of a visitor.
        limits: of messages.
        on_excess: called when there is too much; nothing that comes after that is looked at.
    """
    receive, is_over = sctp._receive_chunk, False
    pieces = Allowance(PIECES_S * limits.max_num_s, PIECES_S * limits.max_num_s)

    async def receive_some(chunk: Chunk) -> None:
        nonlocal is_over
        if is_over:
            return
        if isinstance(chunk, SackChunk):
            chunk.gaps = [gap for gap in chunk.gaps if gap[0] <= gap[1] <= LAST_GAP][:MAX_GAPS]
        is_over = not pieces.allows()
        if not is_over:
            await receive(chunk)
            if isinstance(chunk, DataChunk | ForwardTsnChunk):
                is_over = _keeps_too_much(sctp, limits)
        if is_over:
            on_excess()

    sctp._receive_chunk = receive_some  # type: ignore[method-assign]


def _keeps_too_much(sctp: RTCSctpTransport, limits: MessageLimits) -> bool:
    streams = sctp._inbound_streams.values()
    kept = [len(chunk.user_data) for stream in streams for chunk in stream.reassembly]
    # numbers of pieces that came too early are kept even where the pieces are not, and so is
    # something for each stream
    num_pieces = len(kept) + len(sctp._sack_misordered) + len(streams)
    return (
        sum(kept) > UNFINISHED_BYTES * limits.max_bytes
        or num_pieces > UNFINISHED_PIECES * limits.max_num_s
    )
