"""Which microphones there are, in what programs print, and how each is recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from stream.commands import cameras
from stream.doctor import microphones
from stream.doctor.microphones import microphone_findings
from stream.errors import StreamError
from stream.microphone import devices
from stream.microphone.devices import Device, Way, find, ways

YETI = Device("alsa_input.usb-Yeti", "Yeti Nano Analog Stereo")
BUILT_IN = Device("alsa_input.pci", "Built-in Audio", is_default=True)
MONITOR = Device("alsa_output.pci.monitor", "Monitor of Built-in Audio")


def test_pulse_by_ffmpeg() -> None:
    lines = [
        "Auto-detected sources for pulse:",
        "  alsa_output.pci.monitor [Monitor of Built-in Audio] (none)",
        "  alsa_input.usb-Yeti [Yeti Nano Analog Stereo] (none)",
        "* alsa_input.pci [Built-in Audio] (none)",
    ]
    assert devices.in_order(devices.listed_devices(lines)) == [BUILT_IN, YETI, MONITOR]


def test_pulse_by_its_own_tools() -> None:
    text = '[{"name": "alsa_input.usb-Yeti", "description": "Yeti Nano Analog Stereo"}, '
    text += '{"name": "alsa_input.pci", "description": "Built-in Audio"}]'
    assert devices.pactl_devices(text, "alsa_input.pci") == [YETI, BUILT_IN]
    assert devices.pactl_devices("Connection failure", "") == []


def test_alsa() -> None:
    lines = ["null", "    Discard all samples", "default", "    Default Audio Device"]
    lines += ["plughw:CARD=Yeti,DEV=0", "    Yeti Nano, USB Audio", "    Hardware device"]
    lines += ["jack", "    JACK Audio Connection Kit"]
    listed = devices.alsa_devices(lines)
    assert devices.hardware(listed) == [
        Device("default", "Default Audio Device", is_default=True),
        Device("plughw:CARD=Yeti,DEV=0", "Yeti Nano, USB Audio"),
    ]
    without_card = [each for each in listed if "CARD" not in each.name]
    assert devices.hardware(without_card) == [], "plugins record nothing by themselves"


def test_macos_and_windows() -> None:
    log = [
        "[AVFoundation indev @ 0x1] [info] AVFoundation video devices:",
        "[AVFoundation indev @ 0x1] [info] [0] FaceTime HD Camera",
        "[AVFoundation indev @ 0x1] [info] AVFoundation audio devices:",
        "[AVFoundation indev @ 0x1] [info] [0] MacBook Pro Microphone",
    ]
    names = [each.name for each in devices.avfoundation_devices(log)]
    assert names == ["default", "MacBook Pro Microphone"]
    assert devices.avfoundation_devices(log[:3]) == []
    log = [
        '[dshow @ 0x1] [info] "HD Webcam" (video)',
        '[dshow @ 0x1] [info] "Microphone (Realtek)" (audio)',
        '[dshow @ 0x1] [info] "Line In" (audio)',
    ]
    first, second = devices.dshow_devices(log)
    assert (first.name, first.is_default) == ("Microphone (Realtek)", True)
    assert (second.name, second.is_default) == ("Line In", False)


@pytest.mark.parametrize(
    ("way", "program", "device"),
    [
        (Way("/usr/bin/ffmpeg", "pulse"), "/usr/bin/ffmpeg", "-i alsa_input.usb-Yeti"),
        (Way("/usr/bin/ffmpeg", "alsa"), "/usr/bin/ffmpeg", "-f alsa -i alsa_input.usb-Yeti"),
        (Way("ffmpeg", "avfoundation"), "ffmpeg", "-i :alsa_input.usb-Yeti"),
        (Way("ffmpeg.exe", "dshow"), "ffmpeg.exe", "-i audio=alsa_input.usb-Yeti"),
        (Way("/usr/bin/parec", "pulse"), "/usr/bin/parec", "--device=alsa_input.usb-Yeti"),
        (Way("/usr/bin/arecord", "alsa"), "/usr/bin/arecord", "-D alsa_input.usb-Yeti"),
    ],
)
def test_every_way_records_the_same_samples(way: Way, program: str, device: str) -> None:
    started_as, arguments = way.command(YETI)
    text = " ".join(arguments)
    assert started_as[0] == program
    assert device in text
    assert "48000" in text
    assert way.by_ffmpeg == ("pipe:1" in text)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """What the one way here lists."""
    listed = [BUILT_IN, YETI, MONITOR]
    monkeypatch.setattr(devices, "ways", lambda: (Way("ffmpeg", "pulse"),))
    monkeypatch.setattr(microphones, "ways", devices.ways)
    monkeypatch.setattr(Way, "devices", lambda way: listed)
    return listed


def test_a_part_of_the_name_finds_one(there: list[Device]) -> None:
    assert find("")[1] == BUILT_IN
    assert find("yeti")[1] == YETI
    assert find("built-in")[1] == BUILT_IN
    assert find("monitor")[1] == MONITOR


def test_loudspeakers_are_no_microphone_unless_they_are_asked_for(there: list[Device]) -> None:
    there[:] = devices.in_order([replace(MONITOR, is_default=True)])
    for wanted in ("", "built-in"):
        with pytest.raises(StreamError, match="none is there; plug one in"):
            find(wanted)
    assert find("monitor of built")[1] == MONITOR
    assert devices.in_order([replace(MONITOR, is_default=True), YETI]) == [YETI, MONITOR]


def test_all_are_listed_in_the_order_in_which_they_are_taken(
    there: list[Device],
) -> None:
    assert devices.found() == there
    lines = list(cameras._microphones())
    assert lines[:2] == [
        "mic:Built-in Audio  (taken for --sound mic)",
        "mic:Yeti Nano Analog Stereo",
    ]
    assert [finding.text for finding in microphone_findings()] == [
        "Built-in Audio (--sound mic)",
        "Yeti Nano Analog Stereo",
        "Monitor of Built-in Audio",
    ]
    there.clear()
    (finding,) = microphone_findings()
    assert (finding.state, finding.text) == ("missing", "none found by ffmpeg")


def test_one_that_is_not_there_is_told_with_those_that_are(there: list[Device]) -> None:
    with pytest.raises(StreamError, match="is not there; there are Built-in Audio, Yeti Nano"):
        find("rode")
    there.clear()
    with pytest.raises(StreamError, match="none is there; plug one in"):
        find("rode")


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Says which programs are there, and through what each ffmpeg records."""

    def is_there(programs: dict[str, set[str]]) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(devices, "executable", lambda: "bundled")
        found = {name: name for name in programs}
        monkeypatch.setattr(devices.shutil, "which", found.get)
        monkeypatch.setattr(devices, "recorded_by", lambda name: programs.get(name, set()))
        ways.cache_clear()

    yield is_there
    ways.cache_clear()


def test_the_bundled_ffmpeg_is_the_first_of_those_that_record(path: Callable[..., None]) -> None:
    path({"bundled": {"pulse", "alsa"}, "ffmpeg": {"pulse"}, "parec": set(), "arecord": set()})
    assert [(way.program, way.system) for way in ways()] == [
        *(("bundled", "pulse"), ("ffmpeg", "pulse"), ("parec", "pulse")),
        *(("bundled", "alsa"), ("arecord", "alsa")),
    ]
    path({"bundled": set(), "ffmpeg": {"pulse"}})
    assert ways() == (Way("ffmpeg", "pulse"),)
    path({"parec": set()})
    assert ways() == (Way("parec", "pulse"),)


def test_where_nothing_records_it_is_said_what_is_missing(path: Callable[..., None]) -> None:
    path({"bundled": {"lavfi"}})
    with pytest.raises(StreamError, match="apt install pulseaudio-utils") as error:
        ways()
    assert "\n" not in str(error.value)


def test_what_an_ffmpeg_records_is_read_from_its_list(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Devices:\n D. = Demuxing supported\n ---\n D  lavfi           Libavfilter\n"
    text += " DE pulse           Pulse audio output\n  E sdl,sdl2        SDL2\n D  x,alsa      A\n"
    monkeypatch.setattr(devices, "printed", lambda command: text)
    assert devices.recorded_by("ffmpeg") == {"lavfi", "pulse", "x", "alsa"}
