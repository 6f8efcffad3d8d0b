"""Which microphones there are, and what records them on each system."""

from __future__ import annotations

import functools
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from stream.errors import StreamError
from stream.ffmpeg.process import GENERAL_OPTIONS, executable, log_of, printed
from stream.microphone.timeline import CHANNELS, RATE

_CHUNK_BYTES = RATE // 100 * CHANNELS * 2  # 10 ms of 16 bits
_RAW = ("-map", "0:a:0", "-ar", str(RATE), "-ac", str(CHANNELS), "-c:a", "pcm_s16le")
_OUT = (*_RAW, "-flush_packets", "1", "-f", "s16le", "pipe:1")
_SOURCE = re.compile(r"^([* ]) (\S+) \[(.*)\] \(")
_DEVICES = re.compile(r"^ *D[E.]? +([a-z0-9_,]+) ", re.MULTILINE)
_AVFOUNDATION = re.compile(r"\[AVFoundation.*?\[\d+\] (.+)$")
_DSHOW = re.compile(r'"([^"]+)" \(audio\)')
_PATIENCE_S = 5.0  # for a sound server that does not answer
_NOTHING = (
    "--sound: nothing here records a microphone; install PulseAudio's tools "
    "(sudo apt install pulseaudio-utils), or an ffmpeg with PulseAudio or ALSA"
)


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone, or what else the system records sound of.

    Attributes:
        name: by which it is opened.
        title: for people.
        is_default: the system takes it unless told otherwise.
    """

    name: str
    title: str
    is_default: bool = False

    @property
    def is_monitor(self) -> bool:
        """Whether it is what the loudspeakers play."""
        return self.name.endswith(".monitor")


@dataclass(frozen=True, slots=True)
class Way:
    """A program that records, and through what.

    Attributes:
        program: its path.
        system: "pulse", "alsa", "avfoundation" or "dshow", in ffmpeg's names.
    """

    program: str
    system: str

    @property
    def goes_on_with_others(self) -> bool:
        """Whether something else is recorded, without a word, once a device is gone."""
        return self.system == "pulse"

    @property
    def by_ffmpeg(self) -> bool:
        """Whether the program is an ffmpeg."""
        return not self.program.endswith(("parec", "arecord"))

    def command(self, device: Device) -> tuple[list[str], list[str]]:
        """Return the program with its general options, and arguments that record a device.

        It writes 16-bit samples, little-endian, of two channels in turn, 48,000 a second, to its
        standard output, and as soon as they come.
        """
        rate, channels = str(RATE), str(CHANNELS)
        if self.program.endswith("parec"):
            raw = [f"--rate={rate}", f"--channels={channels}", "--format=s16le", "--raw"]
            return [self.program], [*raw, "--latency-msec=10", f"--device={device.name}"]
        if self.program.endswith("arecord"):
            raw = ["-q", "-t", "raw", "-f", "S16_LE", "-r", rate, "-c", channels]
            return [self.program], [*raw, "-F", "10000", "-D", device.name]
        name = {"avfoundation": f":{device.name}", "dshow": f"audio={device.name}"}
        fragments = ["-fragment_size", str(_CHUNK_BYTES)]
        options = {
            "pulse": [*fragments, "-sample_rate", rate, "-channels", channels],
            "dshow": ["-audio_buffer_size", "10"],
        }.get(self.system, [])
        opened = ["-f", self.system, *options, "-i", name.get(self.system, device.name)]
        return [self.program, *GENERAL_OPTIONS], ["-fflags", "nobuffer", *opened, *_OUT]

    def devices(self) -> list[Device]:
        """Return what can be recorded, default first, monitors last; [] where none answers."""
        try:
            listed = self._listed()
            return in_order(hardware(listed) if self.system == "alsa" else listed)
        except StreamError:
            return []

    def _listed(self) -> list[Device]:
        if self.system in _OF_LOG:
            nothing, read = _OF_LOG[self.system]
            return read(log_of(["-f", self.system, "-list_devices", "true", "-i", nothing]))
        if self.by_ffmpeg:
            command = [self.program, "-hide_banner", "-sources", self.system]
            return listed_devices(printed(command, timeout_s=_PATIENCE_S).splitlines())
        if self.system == "alsa":
            return alsa_devices(printed([self.program, "-L"], timeout_s=_PATIENCE_S).splitlines())
        pactl = shutil.which("pactl")
        if pactl is None:
            return [Device("@DEFAULT_SOURCE@", "default", is_default=True)]
        default = printed([pactl, "get-default-source"], timeout_s=_PATIENCE_S).strip()
        command = [pactl, "-f", "json", "list", "sources"]
        return pactl_devices(printed(command, timeout_s=_PATIENCE_S), default)


def find(wanted: str) -> tuple[Way, Device]:
    """Return a microphone that can be recorded now, and how.

    What the loudspeakers play is none, unless "monitor" is asked for.

    Args:
        wanted: part of its name, in small or capital letters; "" for the default.

    Raises:
        StreamError: no such microphone is there, or nothing here can record one.
    """
    way, there = _first_way()
    if "monitor" not in wanted.lower():
        there = [device for device in there if not device.is_monitor]
    for device in there:
        if wanted.lower() in f"{device.name}\n{device.title}".lower():
            return way, device
    if not there:
        raise StreamError("none is there; plug one in")
    names = ", ".join(dict.fromkeys(device.title for device in there))
    raise StreamError(f"is not there; there are {names}")


def found() -> list[Device]:
    """Return the microphones that there are, in the order in which they are taken.

    Raises:
        StreamError: nothing here can record one.
    """
    return _first_way()[1]


def _first_way() -> tuple[Way, list[Device]]:
    """Return the first way by which something can be recorded, and what."""
    for way in ways():
        if there := way.devices():
            return way, there
    return ways()[0], []


@functools.cache
def ways() -> tuple[Way, ...]:
    """Return what can record here, the best first.

    Raises:
        StreamError: nothing can; says what is missing.
    """
    if sys.platform in ("darwin", "win32"):
        return (Way(executable(), "avfoundation" if sys.platform == "darwin" else "dshow"),)
    found: list[Way] = []
    programs = dict.fromkeys(filter(None, (executable(), shutil.which("ffmpeg"))))
    known = {program: recorded_by(program) for program in programs}
    for system, own in (("pulse", "parec"), ("alsa", "arecord")):
        found += [Way(program, system) for program in programs if system in known[program]]
        program = shutil.which(own)
        found += [] if program is None else [Way(program, system)]
    if not found:
        raise StreamError(_NOTHING)
    return tuple(found)


def recorded_by(program: str) -> set[str]:
    """Return through what an ffmpeg records, in its own names."""
    try:
        text = printed([program, "-hide_banner", "-devices"])
    except StreamError:
        return set()
    return {name for names in _DEVICES.findall(text) for name in names.split(",")}


def in_order(devices: Iterable[Device]) -> list[Device]:
    """Return devices with monitors last, which are no default, else the default first."""
    kept = [replace(each, is_default=each.is_default and not each.is_monitor) for each in devices]
    return sorted(kept, key=lambda device: (device.is_monitor, not device.is_default))


def hardware(devices: Sequence[Device]) -> list[Device]:
    """Return what of ALSA's devices records something: cards, and if there is one the default."""
    cards = [device for device in devices if device.name.startswith("plughw:")]
    default = [Device(each.name, each.title, True) for each in devices if each.name == "default"]
    return [*default, *cards] if cards else []


# === What programs print ===


def listed_devices(lines: Iterable[str]) -> list[Device]:
    """Return the devices in what `ffmpeg -sources` prints."""
    found = [match for line in lines if (match := _SOURCE.match(line))]
    return [Device(match[2], match[3], match[1] == "*") for match in found]


def pactl_devices(text: str, default: str) -> list[Device]:
    """Return the devices in what `pactl -f json list sources` prints."""
    try:
        listed = json.loads(text)
    except json.JSONDecodeError:
        return []
    names = [(each["name"], each.get("description") or each["name"]) for each in listed]
    return [Device(name, title, name == default) for name, title in names]


def alsa_devices(lines: Sequence[str]) -> list[Device]:
    """Return the devices in what `arecord -L` prints: names, each with lines that describe it."""
    found: list[Device] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line and not line[0].isspace() and line != "null":
            title = following.strip() if following[:1].isspace() else line
            found.append(Device(line, title, line == "default"))
    return found


def avfoundation_devices(lines: Iterable[str]) -> list[Device]:
    """Return the microphones in ffmpeg's list of AVFoundation's devices."""
    found: list[Device] = []
    is_sound = False
    for line in lines:
        is_sound = is_sound or "audio devices" in line
        match = _AVFOUNDATION.search(line)
        if is_sound and match and "audio devices" not in line:
            found.append(Device(match[1], match[1]))
    return [Device("default", "default", is_default=True), *found] if found else []


def dshow_devices(lines: Iterable[str]) -> list[Device]:
    """Return the microphones in ffmpeg's list of DirectShow's devices; the first is the default."""
    names = [match[1] for line in lines if (match := _DSHOW.search(line))]
    return [Device(name, name, index == 0) for index, name in enumerate(names)]


#: Of systems whose devices stand in ffmpeg's log: what it is to open, and what reads them.
_OF_LOG: dict[str, tuple[str, Callable[[Iterable[str]], list[Device]]]] = {
    "avfoundation": ("", avfoundation_devices),
    "dshow": ("dummy", dshow_devices),
}
