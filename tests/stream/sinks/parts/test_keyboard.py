"""Names of keys, by the codes that OpenCV's windows give."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stream.live.keys import KEYS
from stream.sinks.parts.keyboard import key_of
from tests.users.screens import needs_screen, virtual_screen, xdotool


@pytest.mark.parametrize(
    ("code", "key"),
    [
        *[(27, "escape"), (32, "space"), (ord("s"), "s"), (ord("+"), "+"), (0x1002B, "+")],
        *[(0xFF53, "right"), (0x270000, "right"), (0xF703, "right"), (0x10FF53, "right")],
        *[(0xFF51, ""), (0xFF61, ""), (0xFFE1, ""), (0x700000, "")],
    ],
)
def test_names_of_keys(code: int, key: str) -> None:
    assert key_of(code) == key


@pytest.mark.parametrize(
    ("codes", "keys"),
    [
        # X11's codes of what the keys q r i o s f h b m c type
        ((0x6CA, 0x6CB, 0x6DB, 0x6DD, 0x6D9, 0x6C1, 0x6D2, 0x6C9, 0x6D8, 0x6D3), "qriosfhbmc"),
        ((0x6A6,), "s"),  # Ukrainian
        ((0x6EA, 0x6F9), "qs"),  # with Shift
        ((0x7F1, 0x7E9, 0x7EF, 0x7F3, 0x7F6, 0x7E7, 0x7E2, 0x7EC, 0x7F8), "riosfhbmc"),
        ((0x7D1,), "r"),
        ((0xCF8, 0xCEF, 0xCED, 0xCE3, 0xCEB, 0xCE9, 0xCF0, 0xCF6, 0xCE1), "riosfhbmc"),
        ((0x5D6, 0x5E2, 0x5E7, 0x5CE, 0x5D3, 0x5C8, 0x5C7, 0x5C9, 0x5C4), "qriosfhmc"),
        # the digits of a French keyboard, in Latin-1, and of a Czech one
        ((0x26, 0xE9, 0x22, 0x27, 0x28, 0xE8), "123457"),
        ((0x1EC, 0x1B9, 0x1E8, 0x1F8, 0x1BE, 0xFD), "234567"),
        # and Russian letters by their number in Unicode
        ((0x1000439, 0x100043A), "qr"),
    ],
)
def test_the_same_keys_of_other_layouts(codes: tuple[int, ...], keys: str) -> None:
    assert "".join(map(key_of, codes)) == keys


def test_what_types_the_latin_alphabet_goes_by_its_letters() -> None:
    for letter in "abcdefghijklmnopqrstuvwxyz":
        assert key_of(ord(letter)) == letter
    for key, _ in KEYS:
        if len(key) == 1:
            assert key_of(ord(key)) == key


SHOW = """
import cv2, numpy as np
cv2.namedWindow("keys")
cv2.imshow("keys", np.zeros((60, 200, 3), np.uint8))
cv2.waitKeyEx(500)
print("ready", flush=True)
for _ in range(5):
    print(cv2.waitKeyEx(20000), flush=True)
"""


@needs_screen
@pytest.mark.parametrize(
    ("typed", "key"),
    [("q", "q"), ("Cyrillic_shorti", "q"), ("Greek_rho", "r"), ("Escape", "escape")],
)
def test_what_a_real_window_gives(typed: str, key: str) -> None:
    with virtual_screen() as display:
        environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        command = [sys.executable, "-c", SHOW]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as window:
            assert window.stdout is not None
            assert window.stdout.readline() == "ready\n"
            focus = ("search", "--name", "keys", "windowfocus", "--sync")
            found = ""
            for _ in range(5):
                # the layout that xdotool makes for a moment may be gone before the window looks
                assert xdotool(display, *focus, "key", typed).returncode == 0
                found = key_of(int(window.stdout.readline()))
                if found:
                    break
            window.kill()
    assert found == key
