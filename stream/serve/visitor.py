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
from stream.serve.limits import Limits, Rate, Refusal
from stream.serve.masking import Masking
from stream.serve.newest import MaskedTrack, Newest
from stream.serve.shared_networks import SharedNetworks

NUMBERS_S = 0.5
#: How long a last message may take to reach them, and the connection to close.
FAREWELL_S, CLOSE_S = 0.3, 5.0


class Visitor:
    """Takes the video of one browser, gives it back masked.

    Nothing of them outlives `end`: frames, mask memory and background are in this object alone.

    Args:
        networks: shared with the others.
        limits: of what they may send.
        stun: server that tells addresses behind a NAT, `None` for none.
        on_end: called once, with the visitor and the reason, when they have left.

    Attributes:
        id: known to them and us only.
        masking: their state.
        num_received: frames that came from them.
        ended: why they left, `None` while they are here.
    """

    def __init__(
        self,
        networks: SharedNetworks,
        limits: Limits,
        stun: str | None,
        on_end: Callable[[Visitor, str], None],
    ) -> None:
        """Prepare a connection; `answer` begins it."""
        self.id = secrets.token_urlsafe(18)
        self.masking = Masking(networks)
        self.num_received = 0
        self.ended: str | None = None
        self.uploading = False
        self._limits = limits
        self._stun = stun
        self._on_end = on_end
        self._peer = webrtc.connection(stun)
        self._masked = MaskedTrack()
        self._arrived: Newest[tuple[av.VideoFrame, float]] = Newest()
        self._channel: RTCDataChannel | None = None
        self._messages = Rate(limits.max_messages_s, 1.0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._received: MediaStreamTrack | None = None
        self._frame_at = time.monotonic()
        self._media_bytes = 0

    # === Their coming ===

    async def answer(self, sdp: str) -> str:
        """Return the answer to their offer; from then on the visit goes on by itself, until `end`.

        Raises:
            Refusal: the offer is not one that a browser makes for this page.
        """
        sdp = webrtc.checked_offer(sdp, keep_candidates=self._stun is not None)
        self._peer.on("track", self._on_track)
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._on_state)
        self._masked.on("ended", lambda: self.end_soon("the connection broke off"))
        try:
            webrtc.send_vp8(self._peer, self._masked)
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            webrtc.limit_messages(self._peer, self._limits, self._end_talk)
            await self._peer.setLocalDescription(await self._peer.createAnswer())
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
            self.end_soon("the connection broke off")

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
                self.end_soon("the camera was switched off")
                return
            if isinstance(frame, webrtc.Undecoded):
                self.end_soon(frame.reason)
                return
            if isinstance(frame, av.VideoFrame) and min(frame.width, frame.height) >= 2:
                self.num_received += 1
                self._frame_at = time.monotonic()
                self._arrived.put((frame, time.perf_counter()))

    async def _work(self) -> None:
        """Mask the newest frame, again and again."""
        while True:
            frame, arrived_at = await self._arrived.take()
            self._masked.put(await self.masking.apply(frame), arrived_at)

    # === What they ask for ===

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._channel is not None:
            self.end_soon("one data channel only, please")
            return
        self._channel = channel
        channel.on("message", self._on_message)
        self._say({"model": self.masking.model, "device": self.masking.device})

    def _on_message(self, message: str | bytes) -> None:
        if len(message) > self._limits.max_message_bytes or not self._messages.allows():
            self._end_talk()
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

    def _end_talk(self) -> None:
        self.end_soon("too many messages, or too long ones")

    def _grant(self, wish: dict[str, object]) -> None:
        if "ping" in wish and isinstance(wish["ping"], int | float):
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
        """Send numbers, and end what takes too long or sends too much."""
        last_at = time.monotonic()
        while self.ended is None:
            await asyncio.sleep(NUMBERS_S)
            now = time.monotonic()
            self._say({"numbers": self.numbers(now - last_at)})
            await self._check(now, now - last_at)
            last_at = now

    async def _check(self, now: float, elapsed_s: float) -> None:
        limits, quiet_s = self._limits, now - self._frame_at
        if self.num_received == 0 and quiet_s > limits.max_connect_s:
            self.end_soon("no video arrived; is UDP between here and there allowed?")
        elif self.num_received and quiet_s > limits.idle_s:
            self.end_soon(f"no video for {limits.idle_s:.0f} seconds")
        stats = await self._peer.getStats()
        num = sum(entry.bytesReceived for entry in stats.values() if entry.type == "transport")
        if num - self._media_bytes > limits.max_media_bytes_s * max(elapsed_s, NUMBERS_S):
            self.end_soon("this is more data than a video of this size has")
        self._media_bytes = num

    def end_soon(self, reason: str) -> None:
        """End the visit from within one of its own callbacks."""
        self._ended_by(reason)

    async def end(self, reason: str) -> None:
        """End the visit; nothing of it is left afterwards."""
        await self._ended_by(reason)

    def _ended_by(self, reason: str) -> asyncio.Task[None]:
        """Return what ends the visit, begun by whoever is the first to want it."""
        if self._ending is None:
            self.ended = reason
            self._ending = asyncio.ensure_future(self._end(reason))
        return self._ending

    async def _end(self, reason: str) -> None:
        self._say({"ended": reason})
        if self._channel is not None and self._channel.readyState == "open":
            await asyncio.sleep(FAREWELL_S)
        for task in list(self._tasks):
            task.cancel()
        self._masked.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._peer.close()
        self.masking.background = None
        self._on_end(self, reason)
