"""`--sound`, as it is written."""

from __future__ import annotations

import pytest

from stream.microphone.option import Wanted, parse_sound


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mic", Wanted()),
        ("mic:yeti", Wanted("yeti")),
        ("mic,delay=40", Wanted("", 0.04)),
        ("mic:Yeti, stereo,delay=-12.5", Wanted("Yeti, stereo", -0.0125)),
        ("mic:usb:2,1", Wanted("usb:2,1")),
    ],
)
def test_what_can_be_asked_for(text: str, wanted: Wanted) -> None:
    assert parse_sound(text) == wanted


@pytest.mark.parametrize("text", ["", "1", "mic:", "mic: ", "file.wav", "microphone", "mic,40"])
def test_what_is_no_microphone(text: str) -> None:
    with pytest.raises(ValueError, match="mic:PART-OF-ITS-NAME"):
        parse_sound(text)


@pytest.mark.parametrize("delay", ["", "x", "1e9", "nan", "5001", "--4"])
def test_what_is_no_delay(delay: str) -> None:
    with pytest.raises(ValueError, match="milliseconds from -5000 to 5000"):
        parse_sound(f"mic:yeti,delay={delay}")
