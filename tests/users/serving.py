"""A server of the page in a thread of its own, and visitors that are no browser."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, TypeVar

import aiohttp
import av
import cv2
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from stream.serve.server import Server
from stream.serve.shared_networks import SharedNetworks
from stream.serve.site.settings import Settings

T = TypeVar("T")
WAIT_S = 60.0  # other programs may have the processor


class Served:
    """A running server; `told` is what it said at the terminal."""

    def __init__(self, settings: Settings, *segmenters: Segmenter) -> None:
        self.told: list[str] = []
        self.networks = SharedNetworks(segmenters)
        self.loop = asyncio.new_event_loop()
        self.errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda loop, context: self.errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, name="served")
        self._thread.start()
        self.server = self.call(self._make(settings))
        self.call(self.server.start())

    async def _make(self, settings: Settings) -> Server:
        return Server(settings, self.networks, self.told.append)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.settings.port}"

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    def close(self) -> None:
        self.call(self.server.close())
        self.networks.close()
        self.call(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_S)
        self.loop.close()


@contextmanager
def served(*segmenters: Segmenter, settings: Settings | None = None) -> Iterator[Served]:
    running = Served(settings or Settings(port=0), *segmenters)
    try:
        yield running
    finally:
        running.close()


class Pictures(VideoStreamTrack):
    """A camera that shows what a function draws: (H, W, 3) uint8 RGB for each index.

    Of 30 frames a second it gives all, or one of `every`.
    """

    def __init__(self, draw: Callable[[int], NDArray[np.uint8]], every: int = 1) -> None:
        super().__init__()
        self._draw, self._every = draw, every
        self.num_sent = 0

    async def recv(self) -> av.VideoFrame:
        for _ in range(self._every):
            pts, _ = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(self._draw(self.num_sent), format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = pts, Fraction(1, 90_000)
        self.num_sent += 1
        return frame


class Client:
    """A visitor through aiortc. `seen` holds the last pictures that came back, (H, W, 3) RGB."""

    def __init__(
        self,
        address: str,
        draw: Callable[[int], NDArray[np.uint8]],
        *,
        local_address: str | None = None,
        every: int = 1,
        **headers: str,
    ) -> None:
        self.address = address
        self.local_address = local_address
        self.headers = {"Origin": address, **headers}
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.camera = Pictures(draw, every)
        self.seen: list[NDArray[np.uint8]] = []
        self.num_seen = 0
        self.heard: list[dict[str, Any]] = []
        self.id = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Client:
        local = (self.local_address, 0) if self.local_address else None
        connector = aiohttp.TCPConnector(local_addr=local)
        self.session = aiohttp.ClientSession(headers=self.headers, connector=connector)
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self.peer.close()
        await self.session.close()

    async def offer(self) -> str:
        self.channel = self.peer.createDataChannel("control")
        self.channel.on("message", self._hear)
        self.peer.addTransceiver(self.camera, "sendrecv")
        self.peer.on(
            "track", lambda track: self._tasks.append(asyncio.create_task(self._see(track)))
        )
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    @property
    def transport(self) -> Any:
        """What carries the video, once it is offered; its own `transport` carries that."""
        return self.peer.getSenders()[0].transport

    async def visit(self) -> Client:
        """Come in and wait for the first picture."""
        sdp = await self.offer()
        async with self.session.post(f"{self.address}/visits", json={"sdp": sdp}) as response:
            answer = await response.json()
            assert response.status == 201, answer
        self.id = answer["id"]
        await self.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await self.until(lambda: self.num_seen > 0 and self.channel.readyState == "open")
        return self

    def _hear(self, message: str) -> None:
        self.heard.append(json.loads(message))

    async def _see(self, track: Any) -> None:
        while True:
            frame = await track.recv()
            self.num_seen += 1
            self.seen = [*self.seen[-9:], frame.to_ndarray(format="rgb24")]

    def tell(self, **wish: object) -> None:
        self.channel.send(json.dumps(wish))

    def last(self, name: str) -> Any:
        """What was heard last under a name, `None` if nothing was."""
        return next((told[name] for told in reversed(self.heard) if name in told), None)

    def number(self, name: str) -> Any:
        """One of the numbers heard last, `None` before the first."""
        return (self.last("numbers") or {}).get(name)

    async def until(self, is_so: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        async with asyncio.timeout(wait_s):
            while not is_so():
                await asyncio.sleep(0.02)

    async def upload(self, data: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        async with self.session.put(
            f"{self.address}/visits/{self.id}/background", data=data, headers=headers
        ) as response:
            return response.status, await response.json()


ROOM, PERSON = (20, 160, 40), (230, 60, 170)
SIZE_HW = (240, 320)


def scene(index: int, size_hw: tuple[int, int] = SIZE_HW) -> NDArray[np.uint8]:
    """A "person" that moves to and fro in front of a "room"."""
    image = np.full((*size_hw, 3), ROOM, np.uint8)
    left = 60 + abs(index * 2 % 100 - 50)
    image[60:180, left : left + 100] = PERSON
    return image


def near(image: NDArray[np.uint8], colour: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.abs(image.astype(int) - colour).max(axis=2) < 50


class Finds:
    """`Segmenter` that sees what has the person's colour, and breaks when told to."""

    classes: tuple[str, ...] = ("person",)
    max_input: int | None = 320
    max_images: int = 1
    device = "nowhere"

    separates_objects = False

    def __init__(self, name: str = "portrait", *, fast: bool = True) -> None:
        self.name = name
        self.fast = fast
        self.broken = False

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        if self.broken:
            raise RuntimeError("the network broke")
        return [self._one(image) for image in images]

    def _one(self, image: NDArray[np.uint8]) -> Instances:
        mask = np.where(near(image, PERSON), 255, 0).astype(np.uint8)
        rows, columns = np.nonzero(mask)
        if not len(rows):
            return Instances.empty((image.shape[0], image.shape[1]))
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Instances(
            boxes=np.array([box], np.float32),
            scores=np.ones(1, np.float32),
            labels=np.zeros(1, np.int32),
            masks=mask[None],
            ids=np.full(1, -1, np.int32),
        )


def play(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def left(running: Served, num: int = 0, wait_s: float = 15.0) -> None:
    """Wait until so many visitors are there."""
    async with asyncio.timeout(wait_s):
        while len(running.server.visitors) > num:
            await asyncio.sleep(0.05)


def png(image: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", image[..., ::-1])[1])
