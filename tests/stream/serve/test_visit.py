"""A visit: what comes back, with which effect, and what happens to the network meanwhile."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp

from segmentation.instances import Instances
from segmentation.loading import load
from tests.users.serving import (
    PERSON,
    ROOM,
    SIZE_HW,
    WAIT_S,
    Client,
    Finds,
    Served,
    left,
    near,
    play,
    png,
    scene,
    served,
)


def test_video_comes_back_with_another_background(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            client.tell(effect="replace=#2020e0")
            await client.until(lambda: near(client.seen[-1], (32, 32, 224)).mean() > 0.7)
            image = client.seen[-1]
            assert image.shape == (*SIZE_HW, 3)
            assert near(image, PERSON).mean() == pytest.approx(120 * 100 / 240 / 320, abs=0.02)
            assert near(image, ROOM).mean() < 0.01
            client.tell(effect="none")
            await client.until(lambda: near(client.seen[-1], ROOM).mean() > 0.7)
            assert client.last("model") == "portrait"
            await client.until(lambda: (client.number("fps") or 0) > 5)
            numbers = client.last("numbers")
            assert numbers["kept"] == pytest.approx(0.156, abs=0.02)
            assert not numbers["covered"]
            assert 0 < numbers["latency_ms"] < 5_000

    play(visit())
    assert here.told[0] == "a visitor came (1 of 4)"


def test_changing_the_effect_loses_no_frame(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            visitor = here.server.visitors[client.id]
            await client.until(lambda: client.num_seen > 10)
            before = visitor.masking.stats.counts["no_mask"]
            for effect in ("grey", "blur=0.8", "mask", "overlay", "replace=#ffffff", "none") * 3:
                client.tell(effect=effect)
                await asyncio.sleep(0.1)
            await client.until(lambda: client.last("effect") == "none")
            assert client.last("refused") is None
            assert visitor.masking.stats.counts["no_mask"] == before
            passed = visitor.masking.stats.counts["processed"]
            numbers = visitor.numbers(1.0)
            # what is not shown was overtaken, or is in work
            assert visitor.num_received - passed - numbers["dropped"] <= 2

    play(visit())


def test_own_background(here: Served) -> None:
    photo = np.zeros((90, 120, 3), np.uint8)
    photo[:, :60], photo[:, 60:] = (250, 240, 20), (20, 220, 230)

    async def visit() -> None:
        async with Client(here.address, scene) as client, Client(here.address, scene) as other:
            await client.visit()
            client.tell(effect="replace=uploaded")
            await client.until(lambda: client.last("refused") is not None)
            assert client.last("refused") == "replace: upload a photo first"
            assert await client.upload(png(photo)) == (200, {"width": 120, "height": 90})
            client.tell(effect="replace=uploaded")
            await client.until(lambda: near(client.seen[-1][:, :50], (250, 240, 20)).mean() > 0.9)
            assert near(client.seen[-1][:, 270:], (20, 220, 230)).mean() > 0.9
            await other.visit()  # to whom it is not given
            other.tell(effect="replace=uploaded")
            await other.until(lambda: other.last("refused") is not None)
            visitor = here.server.visitors[client.id]
            kept = weakref.ref(visitor.masking.background)
            del visitor
            await client.session.delete(f"{here.address}/visits/{client.id}")
            await left(here, 1)
            async with asyncio.timeout(10):
                while gc.collect() >= 0 and kept() is not None:
                    await asyncio.sleep(0.1)

    play(visit())


def test_no_file_of_this_machine_is_a_background(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            wishes = ["replace=/etc/passwd", "replace=../docs/demo.webp", "cutout", "blur=9", "?"]
            for wish in wishes:
                client.tell(effect=wish)
            client.tell(model="mask-rcnn")
            client.channel.send("{" * 1500)
            client.channel.send("[1]")
            client.channel.send(b"\xff\x00")
            await client.until(lambda: sum("refused" in told for told in client.heard) >= 9)
            assert len(here.server.visitors) == 1

    play(visit())


def test_two_visitors_have_states_of_their_own(here: Served) -> None:
    def other_scene(index: int) -> NDArray[np.uint8]:
        image = np.full((180, 240, 3), ROOM, np.uint8)
        image[20:100, 20:80] = PERSON
        return image

    async def visit() -> None:
        async with (
            Client(here.address, scene) as one,
            Client(here.address, other_scene) as two,
        ):
            await asyncio.gather(one.visit(), two.visit())
            one.tell(effect="replace=#2020e0")
            two.tell(effect="replace=#e0e020")
            await one.until(lambda: near(one.seen[-1], (32, 32, 224)).mean() > 0.7)
            await two.until(lambda: near(two.seen[-1], (224, 224, 32)).mean() > 0.7)
            assert one.seen[-1].shape == (*SIZE_HW, 3)
            assert two.seen[-1].shape == (180, 240, 3)
            assert near(two.seen[-1][25:95, 25:75], PERSON).all()
            both = [(client, client.num_seen) for client in (one, two)]
            await asyncio.sleep(1.5)
            nums = [client.num_seen - before for client, before in both]
            assert min(nums) > 0.5 * max(nums) > 0

    play(visit())


def test_a_network_that_fails_covers_the_picture(here: Served, finds: Finds) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            client.tell(effect="replace=#2020e0")
            await client.until(lambda: near(client.seen[-1], PERSON).any())
            finds.broken = True
            await client.until(lambda: near(client.seen[-1], (32, 32, 224)).all())
            await client.until(lambda: client.number("failure") == "the network broke")
            assert client.number("covered")
            finds.broken = False
            await client.until(lambda: near(client.seen[-1], PERSON).mean() > 0.1)
            await client.until(lambda: client.number("failure") is None)

    play(visit())


def test_a_slow_network_holds_up_no_frame() -> None:
    """One that takes long gets keyframes only; the frames between get masks that are moved."""
    slow = Finds("slow", fast=False)
    segment = slow.segment

    def late(images: NDArray[np.uint8]) -> list[Instances]:
        time.sleep(0.4)
        return segment(images)

    slow.segment = late  # type: ignore[method-assign]

    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as client:
            await client.visit()
            client.tell(effect="replace=#2020e0")
            await client.until(lambda: near(client.seen[-1], PERSON).mean() > 0.1)
            before = client.num_seen
            await asyncio.sleep(2.0)
            assert client.num_seen - before > 2.0 / 0.4 * 2
            client.tell(model="portrait")
            await client.until(lambda: client.last("model") == "portrait")
            await client.until(lambda: client.number("mask_age_ms") == 0)
            await client.until(lambda: near(client.seen[-1], PERSON).mean() > 0.1)

    with served(slow, Finds()) as running:
        play(visit(running))


def test_who_leaves_takes_their_run_along() -> None:
    """While the network is busy with somebody else they come, and go."""
    slow, go = Finds("slow", fast=False), threading.Event()
    segment, num_runs = slow.segment, 0

    def held(images: NDArray[np.uint8]) -> list[Instances]:
        nonlocal num_runs
        num_runs += 1
        assert go.wait(WAIT_S)
        return segment(images)

    slow.segment = held  # type: ignore[method-assign]

    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as one, Client(running.address, scene) as other:
            await one.visit()
            await one.until(lambda: num_runs == 1)
            await other.visit()  # they have a frame back, so that the next run is theirs
            for client in (one, other):
                await client.session.delete(f"{running.address}/visits/{client.id}")
            await left(running)
            go.set()
            await asyncio.wrap_future(running.networks.late_runs().submit(int))
        assert num_runs == 1

    with served(slow) as running:
        try:
            play(visit(running))
        finally:
            go.set()


def test_a_picture_that_changes_its_size(here: Served) -> None:
    def grows(index: int) -> NDArray[np.uint8]:
        return scene(index, (240, 320) if index < 30 else (202, 271))

    async def visit() -> None:
        async with Client(here.address, grows) as client:
            await client.visit()
            client.tell(effect="replace=#2020e0")
            await client.until(lambda: client.seen[-1].shape == (202, 270, 3))
            await client.until(lambda: near(client.seen[-1], PERSON).mean() > 0.15)

    play(visit())


def test_a_portrait_with_the_real_network(demo_clip: Path) -> None:
    clip = cv2.VideoCapture(str(demo_clip))
    frame = np.ascontiguousarray(clip.read()[1][..., ::-1])

    async def visit(running: Served) -> None:
        async with Client(running.address, lambda index: frame) as client:
            await client.visit()
            client.tell(effect="replace=#00ff00")
            await client.until(lambda: near(client.seen[-1], (0, 255, 0)).mean() > 0.3)
            await asyncio.sleep(1)
            image = client.seen[-1]
            same = np.abs(image.astype(int) - frame).max(axis=2) < 40
            assert same[60:400, 260:380].mean() > 0.97  # head and chest
            assert same[:200, 50:150].mean() < 0.02  # the room
            assert near(image, (0, 255, 0))[:250, 500:620].mean() > 0.98

    with served(load("portrait")) as running:
        play(visit(running))


def test_settings_say_what_there_is(here: Served) -> None:
    async def ask() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.get(here.address + "/settings") as response,
        ):
            settings = json.loads(await response.text())
        assert settings["models"] == ["portrait"]
        assert settings["stun"] is None
        assert "cutout" not in settings["effects"]

    play(ask())
