"""What programs ask of a run by HTTP."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("cryptography", reason="the extra serve")

from effects import Blur
from effects.background.grey import Grey
from stream.control.preview import Pictures
from stream.frame import Output
from stream.live.actions import REMOTE
from stream.live.control import LiveControl
from stream.live.preview import Preview
from tests.users.controlling import Controlled, controlled
from tests.users.desk import Desk


def test_the_schema_is_the_table(here: Controlled) -> None:
    status, told = here.ask("GET", "/schema")
    assert status == 200
    assert [each["name"] for each in told["actions"]] == [action.name for action in REMOTE]
    assert not {"full-screen", "help"} & {each["name"] for each in told["actions"]}
    (strength,) = (each for each in told["actions"] if each["name"] == "strength")
    assert (strength["low"], strength["high"]) == (0.1, 1.0)


def test_what_is_set_becomes_the_look(here: Controlled) -> None:
    status, state = here.set(effect="blur", strength=0.8, invert="toggle", frame=True)
    assert status == 200
    look = here.live.pipeline.look
    assert isinstance(look.effect, Blur)
    assert look.effect.strength == 0.8
    assert look.invert
    assert look.staging.framed
    assert state["values"] | {"strength": 0.8, "invert": True, "frame": True} == state["values"]
    assert here.set(strength="+", background="next")[1]["values"]["strength"] == 0.9
    assert here.set(background="next")[1]["values"]["background"] == "#e9c46a"
    assert here.set(background="#0f8a4b")[1]["values"]["effect"] == "replace"
    assert here.ask("GET", "/state")[1]["network"].startswith("oracle")


def test_values_that_there_are_not_change_nothing(here: Controlled) -> None:
    before = here.live.pipeline.look
    for wishes, reason in (
        ({"invert": True, "effect": "sepia"}, "effect: one of blur, grey"),
        ({"effect": "cutout"}, "begun with --effect cutout"),
        ({"strength": 7}, "a number from 0.1 to 1"),
        ({"strength": float("nan")}, "a number from 0.1 to 1"),
        ({"invert": "perhaps"}, "on, off or toggle"),
        ({"help": True}, "is nothing that can be set"),
        ({"pick": [2, 0]}, "two numbers from 0 to 1"),
        ({"pick": [0.5, 0.5]}, "nothing was found yet"),
        ({"camera": True}, "the source is no camera"),
        ({"front": True}, "--front"),
        ({"next": True}, "the source is no photos"),
        ({"snapshot": False}, "has no value but true"),
        ({"effect": {"a": ["b"] * 50}}, "effect: one of"),
    ):
        status, told = here.set(**wishes)
        assert status == 400
        assert reason in told["error"]
        assert "\n" not in told["error"]
        assert len(told["error"]) < 250
    assert here.live.pipeline.look is before
    for body in (b"", b"[]", b"{", b'"x"', b"[" * 9_000, b"\xff\xfe"):
        assert here.ask("PATCH", "/state", data=body)[0] == 400
    assert here.ask("PATCH", "/state", data=b" " * 20_000)[0] == 413


def test_a_place_is_one_of_the_picture(here: Controlled) -> None:
    here.show(5)
    assert here.set(pick=[0.01, 0.01])[1]["error"] == "nothing was found there"


def test_before_the_run_begins_it_says_so(desk: Callable[..., Desk]) -> None:
    with controlled(desk()) as running:
        running.server._desk = None
        status, told = running.ask("GET", "/state")
    assert (status, told["error"]) == (503, "the run has not begun yet")


# === Pictures ===


def test_a_picture_comes_when_there_is_one(here: Controlled) -> None:
    assert here.ask("GET", "/preview.jpg")[0] == 503
    here.show()
    assert here.ask("GET", "/preview.jpg", answer=False)[0] == 200
    assert here.preview.num_viewers == 0


def test_nothing_is_made_of_pictures_that_nobody_sees(here: Controlled) -> None:
    for index in range(20):
        here.show(index)
    here.set(effect="grey")
    assert here.server._desk._pictures.number == 0


# === Backgrounds ===


def png(colour: tuple[int, int, int]) -> bytes:
    return bytes(cv2.imencode(".png", np.full((30, 40, 3), colour, np.uint8))[1])


def test_a_photo_becomes_the_background_and_no_file(here: Controlled, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    status, state = here.ask("PUT", "/background?name=../../beach.png", data=png((0, 0, 255)))
    assert status == 200, state
    assert state["values"] | {"effect": "replace", "background": "beach.png"} == state["values"]
    assert here.live.output().image[2, 60].tolist() == [255, 0, 0]
    assert set(tmp_path.rglob("*")) == before
    again = here.ask("PUT", "/background?name=beach.png", data=png((0, 255, 0)))[1]
    assert again["choices"]["background"][-2:] == ["beach.png", "beach.png (2)"]
    for _ in range(9):
        here.ask("PUT", "/background", data=png((9, 9, 9)))
    names = here.ask("GET", "/state")[1]["choices"]["background"]
    assert len(names) == 2 + 8, "those of the command line, and as many as memory has room for"
    assert here.live.output(1).image[2, 60].tolist() == [9, 9, 9]


def test_what_is_no_photo_is_refused(here: Controlled) -> None:
    status, told = here.ask("PUT", "/background", data=b"<svg/>")
    assert status == 415
    assert "must be a photo" in told["error"]
    assert here.set(effect="grey")[0] == 200
    assert isinstance(here.live.pipeline.look.effect, Grey)


@pytest.mark.parametrize("announced", [True, False])
def test_a_gigabyte_is_refused_before_it_is_read(here: Controlled, announced: bool) -> None:
    length = "Content-Length: 1000000000" if announced else "Transfer-Encoding: chunked"
    head = f"PUT /background HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n"
    port, chunk, sent = here.server.settings.port, b"x" * 1_000_000, 0
    with socket.create_connection(("localhost", port), timeout=30) as connection:
        connection.sendall(head.encode())
        try:
            while sent < 5_000 and not announced:
                connection.sendall(b"F4240\r\n" + chunk + b"\r\n")
                sent += 1
        except OSError:
            pass  # it listens no longer
        try:
            answer = connection.recv(4000)
        except ConnectionResetError:
            answer = b"413"
    assert b"413" in answer
    assert sent < 5_000, "it is not listened to"


def test_a_photo_goes_on_by_next_alone(desk: Callable[..., Desk]) -> None:
    """Whoever asks it to stand still does not mean another one."""
    with controlled(desk("blur", num_photos=3)) as here:
        here.live.paused.set()
        status, told = here.set(pause="on")
        assert (status, told["error"]) == (400, "a photo stands still as it is")
        assert here.live.paused.is_set()
        assert here.set(next=True)[0] == 200
        assert not here.live.paused.is_set()


# === A camera that rests ===


def test_a_picture_waits_for_a_camera_that_rests(
    here: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is none of before."""
    rests = [True]
    monkeypatch.setattr(LiveControl, "rests", property(lambda control: bool(rests)))
    here.show()
    wakes = threading.Event()

    def wake() -> None:
        while here.preview.num_viewers == 0 and not wakes.is_set():
            time.sleep(0.01)
        rests.clear()
        here.show(9)

    camera = threading.Thread(target=wake)
    camera.start()
    assert here.ask("GET", "/preview.jpg", answer=False)[0] == 200
    wakes.set()
    camera.join()
    assert here.server._desk._pictures.number == 1
    assert here.preview.num_written == 2


def test_a_camera_that_does_not_wake_is_told(
    here: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.control.desk.WAKING_S", 0.0)
    monkeypatch.setattr(LiveControl, "rests", True)
    here.show()
    status, told = here.ask("GET", "/preview.jpg")
    assert (status, told["error"]) == (503, "the camera was off, and has given no picture since")
    assert here.preview.num_viewers == 0


class Following(Preview):
    """Given the next output as soon as somebody has looked at one."""

    def __init__(self, *outputs: Output) -> None:
        super().__init__()
        self._outputs = list(outputs)
        self.num_written = 1

    @property
    def newest(self) -> Output:
        if len(self._outputs) > 1:
            self.num_written += 1
            return self._outputs.pop(0)
        return self._outputs[0]

    @newest.setter
    def newest(self, output: Output | None) -> None:
        pass


def test_a_picture_that_comes_while_one_is_made_is_seen_as_well(here: Controlled) -> None:
    """A photo has no other one after it."""
    outputs = here.live.output(0), here.live.output(20)
    pictures = Pictures(here.control, Following(*outputs))
    pictures.look()
    first = pictures.jpeg
    pictures.look()
    assert pictures.jpeg != first


def test_after_the_run_it_says_so(here: Controlled) -> None:
    """As long as it is still listened to."""
    here.show()
    closing = here.server._desk.close()
    asyncio.run_coroutine_threadsafe(closing, here.server._loop).result(30)
    for method, path in (("PATCH", "/state"), ("GET", "/preview.jpg")):
        status, told = here.ask(method, path, json={"effect": "grey"})
        assert (status, told["error"]) == (503, "the run has ended")
