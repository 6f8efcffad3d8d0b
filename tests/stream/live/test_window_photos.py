"""Photos in the window, with real keys and clicks on a virtual screen."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.files.photos import read_photo
from tests.users.at_window import Person, screen_in_sight
from tests.users.screens import needs_screen, start

BLUE = (0x2A, 0x6F, 0x97)
WALL, FACE = (480, 40), (300, 200)  # of the demo's portrait, x y


@pytest.fixture
def portrait(tmp_path) -> np.ndarray:
    """The demo's portrait, (480, 640, 3) BGR."""
    pytest.importorskip("skimage")
    from stream.sources.demo import Demo

    with Demo() as demo:
        return next(iter(demo)).image[..., ::-1]


@contextlib.contextmanager
def showing(folder: Path, *arguments: str) -> Iterator[Person]:
    """The program, showing photos; what ends it well is up to the caller."""
    with (
        screen_in_sight() as screen,
        start(list(arguments), screen.display, folder) as process,
    ):
        try:
            yield Person(screen, process)
        finally:
            process.kill()


def assert_ends(person: Person, code: int = 0) -> None:
    _, told = person.process.communicate(timeout=20)
    assert person.process.returncode == code, told
    assert "Traceback" not in told


@needs_screen
def test_keys_and_clicks_change_a_photo_and_do_not_leave_it(portrait, tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), portrait)
    arguments = ("photo.png", "--background", "#ff0000", "-o", "window:", "-o", "out.png")
    with showing(tmp_path, *arguments) as person:
        person.press("h")
        person.wait_until(lambda: len(np.unique(person.look()[240:300, 250:400])) > 10)
        person.press("h", "3")
        person.wait_until(lambda: person.sees(WALL, (255, 0, 0)))
        person.press("i")
        person.wait_until(lambda: person.sees(FACE, (255, 0, 0)))
        person.press("i", "m")
        person.wait_until(lambda: person.sees(WALL, (0, 0, 0)) and person.sees(FACE, (255,) * 3))
        person.press("m", "o", "r", "x", "Left", "F1", "Shift_L", "1", "plus", "minus", "f", "f")
        person.press("o", "4")
        person.wait_until(lambda: person.sees(WALL, (0, 0, 0)) and person.sees(FACE, (255,) * 3))
        person.click(FACE)
        person.wait_until(lambda: person.sees(FACE, (0, 0, 0)))
        person.click(FACE)
        person.wait_until(lambda: person.sees(FACE, (255, 255, 255)))
        person.press("s")
        person.wait_until(lambda: len(list(tmp_path.glob("maskcast-*.png"))) == 1)
        person.press("3")
        person.wait_until(lambda: person.sees(WALL, (255, 0, 0)))
        assert not (tmp_path / "out.png").exists()
        person.press("space")
        assert_ends(person)
    (snapshot,) = tmp_path.glob("maskcast-*.png")
    assert set(np.unique(read_photo(snapshot))) == {0, 255}
    out = read_photo(tmp_path / "out.png")
    assert out[40, 480].tolist() == [255, 0, 0], "as it was left"
    assert out[5, 5].tolist() == [255, 0, 0], "nothing was drawn on it"


@needs_screen
@pytest.mark.parametrize("key", ["space", "Return", "KP_Enter", "Right"])
def test_keys_that_lead_to_the_next_photo(portrait, tmp_path, key):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), portrait)
    cv2.imwrite(str(folder / "1.png"), portrait[:, ::-1])
    (folder / "2.png").write_bytes(b"torn")
    wall, face = ((639 - x, y) for x, y in (WALL, FACE))
    with showing(tmp_path, "photos", "--effect", "mask", "-o", "window:", "-o", "out/") as person:
        person.wait_until(lambda: person.sees(WALL, (0, 0, 0)) and person.sees(FACE, (255,) * 3))
        person.click(FACE)
        person.wait_until(lambda: person.sees(FACE, (0, 0, 0)))
        person.press(key)
        person.wait_until(lambda: person.sees(face, (255,) * 3) and person.sees(wall, (0, 0, 0)))
        person.press("h", "h", "3")
        person.wait_until(lambda: person.sees(wall, BLUE))
        person.press(key)
        assert_ends(person, 1)
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["0.png", "1.png"]
    assert not read_photo(tmp_path / "out" / "0.png").any(), "the person was dropped from it"
    assert read_photo(tmp_path / "out" / "1.png")[wall[1], wall[0]].tolist() == list(BLUE)


@needs_screen
@pytest.mark.parametrize("key", ["q", "Escape"])
def test_keys_that_end_photos(portrait, tmp_path, key):
    for index in range(6):
        cv2.imwrite(str(tmp_path / f"{index}.png"), portrait)
    with showing(tmp_path, ".", "--effect", "mask") as person:
        person.wait_until(lambda: person.sees(FACE, (255, 255, 255)))
        person.press(key)
        assert_ends(person)


@needs_screen
def test_click_means_the_same_place_in_a_photo_of_another_size(portrait, tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), portrait)
    cv2.imwrite(str(tmp_path / "1.png"), cv2.resize(portrait, (1280, 960)))
    with showing(tmp_path, ".", "--effect", "mask") as person:
        person.press("space", "h", "h")
        person.wait_until(lambda: person.sees(FACE, (255, 255, 255)))
        time.sleep(0.5)
        person.click(WALL)
        time.sleep(0.5)
        assert person.sees(FACE, (255, 255, 255)), "a click beside her changes nothing"
        person.click(FACE)
        person.wait_until(lambda: person.sees(FACE, (0, 0, 0)))
        person.press("q")
        assert_ends(person)
