"""Messages on the data channel that never end, are full of gaps, or are far too many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    WEBRTC_STRING,
    DataChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    RTCSctpTransport,
    SackChunk,
)

from stream.serve.peers.messages import LAST_GAP, MAX_GAPS, MessageLimits, limit_messages
from stream.serve.site.limits import Limits
from tests.users.serving import Client, Served, left, play, scene

FIRST, LAST, UNORDERED = SCTP_DATA_FIRST_FRAG, SCTP_DATA_LAST_FRAG, SCTP_DATA_UNORDERED
LIMITS = Limits()
NUM = 5_000


def piece(tsn: int, flags: int, size: int, *, stream: int = 0, seq: int = 0) -> DataChunk:
    chunk = DataChunk(flags)
    chunk.tsn, chunk.stream_id, chunk.stream_seq = tsn, stream, seq
    chunk.protocol, chunk.user_data = WEBRTC_STRING, b"a" * size
    return chunk


def skip(tsn: int, num: int) -> ForwardTsnChunk:
    chunk = ForwardTsnChunk()
    chunk.cumulative_tsn = tsn
    chunk.streams = [(stream, 0) for stream in range(num * tsn, num * tsn + num)]
    return chunk


class Transport:
    """Sends nothing anywhere."""

    state = "new"

    async def _send_data(self, data: bytes) -> None:
        pass


class Receiving:
    """One end of a data channel with the limits of the page; `heard` is what came through it."""

    def __init__(self) -> None:
        self.sctp = RTCSctpTransport(Transport())  # type: ignore[arg-type]
        self.sctp._last_received_tsn = 0
        self.sctp._remote_port = 5000
        self.num_excesses = 0
        self.heard: list[str] = []
        channel = RTCDataChannel(
            self.sctp, RTCDataChannelParameters(id=0, negotiated=True, label="control")
        )
        channel.on("message", self.heard.append)
        limits = MessageLimits(LIMITS.max_message_bytes, LIMITS.max_messages_s)
        limit_messages(self.sctp, limits, self._exceed)

    def _exceed(self) -> None:
        self.num_excesses += 1

    @property
    def kept(self) -> list[DataChunk]:
        streams = self.sctp._inbound_streams.values()
        return [chunk for stream in streams for chunk in stream.reassembly]


async def received(*chunks: Any) -> Receiving:
    one = Receiving()
    for chunk in chunks:
        await one.sctp._receive_chunk(chunk)
    return one


@pytest.mark.parametrize("size", [1, 1_000])
@pytest.mark.parametrize(
    ("first", "others"),
    [
        (FIRST, 0),  # one message without an end
        (FIRST, FIRST),  # one after the other, none with an end
        (UNORDERED, UNORDERED),  # none with a beginning
        (FIRST | LAST, FIRST | LAST),  # whole, after one that is not there
    ],
)
def test_messages_without_an_end(first: int, others: int, size: int) -> None:
    pieces = [piece(n, others if n > 1 else first, size, seq=n) for n in range(1, NUM)]
    one = asyncio.run(received(*pieces))
    assert one.num_excesses == 1
    assert sum(len(chunk.user_data) for chunk in one.kept) < 20_000
    assert len(one.kept) <= 200
    assert one.heard == []


@pytest.mark.parametrize(
    "chunks",
    [
        [piece(2 * index + 9, UNORDERED | FIRST | LAST, 1) for index in range(NUM)],  # with gaps
        [piece(index + 1, FIRST | LAST, 1, stream=index) for index in range(NUM)],
        [piece(index + 1, FIRST | LAST, 1, stream=7, seq=index) for index in range(NUM)],
        [skip(index + 1, 10) for index in range(NUM)],
    ],
)
def test_much_that_is_no_message(chunks: list[Any]) -> None:
    one = asyncio.run(received(*chunks))
    assert one.num_excesses == 1
    assert len(one.sctp._sack_misordered) <= 200
    assert len(one.sctp._inbound_streams) <= 200
    assert one.kept == []


def test_what_is_no_message_counts_as_well() -> None:
    one = asyncio.run(received(*(HeartbeatChunk() for _ in range(NUM))))
    assert one.num_excesses == 1


def test_what_was_never_sent_is_not_looked_for() -> None:
    """A gap of 65,535 pieces has four bytes, and a datagram holds hundreds."""
    sack = SackChunk()
    sack.gaps = [(1, 65_535), (5, 2), *((n, n + 1) for n in range(2, 2 * MAX_GAPS + 10, 3))]
    asyncio.run(received(sack))
    assert 0 < len(sack.gaps) <= MAX_GAPS
    assert all(first <= last <= LAST_GAP for first, last in sack.gaps)


def test_the_longest_messages_of_a_browser() -> None:
    """A second of them, of whose pieces one comes late."""
    size, num = LIMITS.max_message_bytes // 2, LIMITS.max_messages_s
    pieces = [
        piece(index + 1, LAST if index % 2 else FIRST, size, seq=index // 2)
        for index in range(2 * num)
    ]
    late = pieces.pop(20)
    pieces.insert(30, late)
    one = asyncio.run(received(*pieces))
    assert one.num_excesses == 0
    assert one.heard == ["a" * 2 * size] * num
    assert one.kept == []


def test_a_visitor_whose_message_never_ends(here: Served) -> None:
    async def send_pieces(client: Client) -> None:
        sctp: Any = client.peer.sctp
        for index in range(NUM):
            flags = FIRST if index == 0 else 0
            chunk = piece(sctp._local_tsn, flags, 1_000, stream=client.channel.id or 0, seq=1)
            sctp._local_tsn += 1
            try:
                await sctp._send_chunk(chunk)
            except ConnectionError:
                return
            await asyncio.sleep(0.001)  # 1 MB a second at most: less than a video may have

    async def visit() -> None:
        async with Client(here.address, scene) as good, Client(here.address, scene) as bad:
            await good.visit()
            await bad.visit()
            sctp: Any = here.server.visitors[bad.id]._peer.sctp
            sending = asyncio.create_task(send_pieces(bad))
            await bad.until(lambda: bad.last("ended") is not None, 10)
            assert bad.last("ended") == "too many messages, or too long ones"
            await left(here, 1)
            sending.cancel()
            streams = sctp._inbound_streams.values()
            kept = [len(chunk.user_data) for stream in streams for chunk in stream.reassembly]
            assert sum(kept) < 20_000
            before = good.num_seen
            await good.until(lambda: good.num_seen > before + 5)
            good.tell(effect="grey")
            await good.until(lambda: good.last("effect") == "grey")
            assert list(here.server.visitors) == [good.id]

    play(visit())
