"""One visitor: their connection, their frames, what they ask for, and their leaving."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any

import av
from aiortc import RTCDataChannel, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from stream.serve import webrtc
from stream.serve.fairness.allowance import Allowance
from stream.serve.fairness.turns import Turns
from stream.serve.masking import Masking
from stream.serve.newest import MaskedTrack, Newest
from stream.serve.peers.frame_queue import FrameQueue
from stream.serve.shared_networks import SharedNetworks
from stream.serve.site.limits import Limits, Refusal

NUMBERS_S = 0.5
#: How long a last message may take to reach them, and the connection to close; and how long the
#: channel for it may take to open, where a visit ends with its first frame: two repetitions of its
#: first message, after 3 and 6 seconds (RFC 9260, 6.3.3 and 16).
FAREWELL_S, CLOSE_S, OPEN_S = 0.3, 2.0, 10.0
#: Messages that waited on a link that stood still come at once: those of so many seconds.
LONGEST_BURST_S = 10.0
#: Why visits end whose visitors did nothing wrong; browsers try again by themselves.
BROKE_OFF, STOPPED = "the connection broke off", "the server was stopped"
NEEDED = "your place was needed for somebody at another address"
WORTH_ANOTHER_TRY = (BROKE_OFF, STOPPED)


class Visitor:
    """Takes the video of one browser, gives it back masked.

    Nothing of them outlives `end`: frames, mask memory and background are in this object alone.

    Args:
        address: who has a share of the server with whom.
        networks: shared with the others.
        turns: at them.
        limits: of what they may send.
        stun: server that tells addresses behind a NAT, `None` for none.
        on_seat: called with the visitor when their first frame has come; says whether they stay.
        on_end: called once, with the visitor and the reason, when they have left.

    Attributes:
        id: known to them and us only.
        address: as given.
        came_at: when they asked to come in, on the monotonic clock.
        has_place: their video has come, and there is a place for them.
        masking: their state.
        num_received: frames that came from them.
        ended: why they left, `None` while they are here.
        uploading: a background of theirs is on its way.
        sent_too_much: of something, which is why they left.
    """

    def __init__(
        self,
        address: str,
        networks: SharedNetworks,
        turns: Turns,
        limits: Limits,
        stun: str | None,
        on_seat: Callable[[Visitor], bool],
        on_end: Callable[[Visitor, str], None],
    ) -> None:
        """Prepare a connection; `answer` begins it."""
        self.id = secrets.token_urlsafe(18)
        self.address = address
        self.came_at = time.monotonic()
        self.has_place = False
        self.masking = Masking(networks)
        self.num_received = 0
        self.ended: str | None = None
        self.uploading = False
        self.sent_too_much = False
        self._turns = turns
        self._limits = limits
        self._on_seat = on_seat
        self._on_end = on_end
        self._peer = webrtc.connection(stun)
        self._masked = MaskedTrack()
        self._arrived: Newest[tuple[av.VideoFrame, float]] = Newest()
        self._channel: RTCDataChannel | None = None
        self._has_channel = asyncio.Event()  # or will have none any more
        self._messages, self._pings = (
            Allowance(most, LONGEST_BURST_S * most, at_first=2 * most)
            for most in (limits.max_messages_s, limits.max_pings_s)
        )
        self._frames: FrameQueue | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._received: MediaStreamTrack | None = None
        self._quiet_s = 0.0

    # === Their coming ===

    async def answer(self, sdp: str) -> str:
        """Return the answer to their offer; from then on the visit goes on by itself, until `end`.

        Args:
            sdp: the offer, as `webrtc.checked_offer` leaves it.

        Raises:
            Refusal: it cannot be answered.
        """
        self._peer.on("track", self._on_track)
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._on_state)
        self._masked.on("ended", lambda: self.end_soon(BROKE_OFF))
        try:
            webrtc.send_vp8(self._peer, self._masked)
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await self._peer.setLocalDescription(await self._peer.createAnswer())
            self._frames = webrtc.guard(self._peer, self._limits, self._end_flood)
        except Exception as error:  # of many kinds, depending on what the offer holds
            raise Refusal(400, "the offer cannot be answered; it needs VP8 video") from error
        self._spawn(self._watch())
        self._spawn(self._work())
        return self._peer.localDescription.sdp

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.end_soon(f"an error on this side ({type(error).__name__}: {error})")

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._has_channel.set()
            self.end_soon(BROKE_OFF)

    # === Their frames ===

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind != "video" or self._received is not None:
            self.end_soon("one video only, please")
            return
        self._received = track
        self._spawn(self._receive(track))

    async def _receive(self, track: MediaStreamTrack) -> None:
        """Take frames as they come, so that none pile up."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                self.end_soon(BROKE_OFF)
                return
            if isinstance(frame, webrtc.Undecoded):
                self.end_soon(frame.reason)
                return
            if isinstance(frame, av.VideoFrame) and min(frame.width, frame.height) >= 2:
                if not (self.has_place or self._sit_down()):
                    return
                self.num_received += 1
                self._quiet_s = 0.0
                self._arrived.put((frame, time.perf_counter()))

    def _sit_down(self) -> bool:
        self.has_place = self.ended is None and self._on_seat(self)
        return self.has_place

    async def _work(self) -> None:
        """Mask the newest frame, again and again."""
        while True:
            await self._arrived.wait()
            async with self._turns.turn(self.address):
                frame, arrived_at = await self._arrived.take()
                self._masked.put(await self.masking.apply(frame), arrived_at)

    # === What they ask for ===

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._channel is not None:
            self.end_soon("one data channel only, please")
            return
        self._channel = channel
        self._has_channel.set()
        channel.on("message", self._on_message)
        self._say({"model": self.masking.model, "device": self.masking.device})

    def _on_message(self, message: str | bytes) -> None:
        if len(message) > self._limits.max_message_bytes or not self._messages.allows():
            self._end_flood(webrtc.TOO_MANY_MESSAGES)
            return
        try:
            wish = json.loads(message)
            if not isinstance(wish, dict):
                raise Refusal(400, "a message must be a JSON object")
            self._grant(wish)
        except Refusal as refusal:
            self._say({"refused": refusal.reason})
        except (ValueError, RecursionError):
            self._say({"refused": "a message must be JSON"})

    def _grant(self, wish: dict[str, object]) -> None:
        if "ping" in wish and isinstance(wish["ping"], int | float):
            if not self._pings.allows():
                return self._end_flood(webrtc.TOO_MANY_MESSAGES)
            self._say({"pong": wish["ping"]})
        if isinstance(model := wish.get("model"), str):
            self.masking.choose_model(model)
            self._say({"model": self.masking.model, "device": self.masking.device})
        if isinstance(effect := wish.get("effect"), str):
            self.masking.choose_effect(effect)
            self._say({"effect": effect})

    def _say(self, message: dict[str, object]) -> None:
        channel = self._channel
        # a visitor who does not read is not written to
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > 100_000:
            return
        channel.send(json.dumps(message))

    def numbers(self, elapsed_s: float) -> dict[str, object]:
        """Return what is shown beside the picture; counts are of the last `elapsed_s`."""
        took_s, self._masked.took_s = sorted(self._masked.took_s), []
        failing = self.masking.covered and self.masking.failure is not None
        return {
            "fps": round(len(took_s) / elapsed_s, 1),
            "latency_ms": round(took_s[len(took_s) // 2] * 1e3, 1) if took_s else None,
            "mask_age_ms": round(self.masking.mask_age_s * 1e3),
            "kept": round(self.masking.kept, 3),
            "covered": self.masking.covered,
            "failure": self.masking.failure if failing else None,
            "received": self.num_received,
            "dropped": self._arrived.num_dropped + self._masked.num_dropped,
        }

    # === Their leaving ===

    async def _watch(self) -> None:
        """Send numbers, and end what takes too long."""
        last_at = time.monotonic()
        while self.ended is None:
            await asyncio.sleep(NUMBERS_S)
            now = time.monotonic()
            self._say({"numbers": self.numbers(now - last_at)})
            # while this server stood still, nothing could come
            self._quiet_s += min(now - last_at, 2 * NUMBERS_S)
            self._check()
            last_at = now

    def _check(self) -> None:
        limits = self._limits
        if self.num_received == 0 and self._quiet_s > limits.max_connect_s:
            self.end_soon("no video arrived; is UDP between here and there allowed?")
        elif self.num_received and self._quiet_s > limits.idle_s:
            self.end_soon(f"no video for {limits.idle_s:.0f} seconds")

    def _end_flood(self, reason: str) -> None:
        self.sent_too_much = True
        self._has_channel.set()  # nothing that comes any more is looked at
        self.end_soon(reason)

    def end_soon(self, reason: str) -> None:
        """End the visit from within one of its own callbacks."""
        self._ended_by(reason)

    async def end(self, reason: str) -> None:
        """End the visit, also one that waits to say why; nothing of it is left afterwards."""
        self._has_channel.set()
        await self._ended_by(reason)

    def _ended_by(self, reason: str) -> asyncio.Task[None]:
        """Return what ends the visit, begun by whoever is the first to want it."""
        if self._ending is None:
            self.ended = reason
            self._ending = asyncio.ensure_future(self._end(reason))
        return self._ending

    async def _end(self, reason: str) -> None:
        try:
            for task in list(self._tasks):
                task.cancel()
            self.masking.end()
            self._masked.stop()
            if self._frames is not None:
                self._frames.put(None)  # its thread ends, whatever becomes of the connection
            if self._peer.connectionState == "connected" and not self.sent_too_much:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._has_channel.wait(), OPEN_S)
            self._say({"ended": reason, "again": reason in WORTH_ANOTHER_TRY})
            if self._channel is not None and self._channel.readyState == "open":
                await asyncio.sleep(FAREWELL_S)
            await webrtc.close(self._peer, CLOSE_S)
        finally:  # whatever was wrong with the connection, the place is free
            self._on_end(self, reason)
