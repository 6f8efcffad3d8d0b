"""Clips with 10 bits, HDR among them, and what is told of their colours in the boxes of an MP4."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests import ffmpeg_reference as reference

SIZE_HW = (64, 896)
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
#: What it says: x and y of red, green, blue and white in 1/50,000; brightest, darkest in 1/10,000.
MASTERING_VALUES = (
    *((34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450)),
    *(10_000_000, 50),
)
HDR10 = {"matrix": "bt2020nc", "primaries": "bt2020", "transfer": "smpte2084"}
HLG = {**HDR10, "transfer": "arib-std-b67"}
SDR = dict.fromkeys(("matrix", "primaries", "transfer"), "bt709")
#: Code points of these names in ITU-T H.273.
NUMBERS = {"bt2020nc": 9, "bt2020": 9, "smpte2084": 16, "arib-std-b67": 18, "bt709": 1}

_CONTAINERS = ("moov", "trak", "mdia", "minf", "stbl")


def ramp(size_hw: tuple[int, int] = SIZE_HW) -> NDArray[np.uint16]:
    """Return (h, w) luma that rises from 64 to 940 from left to right."""
    return np.tile(np.linspace(64, 940, size_hw[1]).round().astype("<u2"), (size_hw[0], 1))


def clip_of(
    path: Path,
    luma: NDArray[np.uint16],
    colour: dict[str, str],
    *,
    light: str | None = MASTERING,
    options: tuple[str, ...] = (),
    num_frames: int = 4,
) -> Path:
    """Write a grey HEVC clip, lossless.

    Args:
        path: of the clip.
        luma: (H, W) uint16, the same in all frames.
        colour: one of `HDR10`, `HLG` and `SDR`.
        light: mastering display, in x265's form, to which MaxCLL 1000 and MaxFALL 400 belong.
        options: further ones, of the output.
        num_frames: at 25 a second.
    """
    height, width = luma.shape
    grey = np.full(height * width // 2, 512, "<u2")
    frame = luma.astype("<u2").tobytes() + grey.tobytes()
    said = f"log-level=error:lossless=1:bframes=0:colorprim={colour['primaries']}"
    said += f":transfer={colour['transfer']}:colormatrix={colour['matrix']}"
    if light is not None:
        said += f":hdr10=1:master-display={light}:max-cll=1000,400"
    reference.ffmpeg(
        *("-f", "rawvideo", "-pixel_format", "yuv420p10le", "-video_size", f"{width}x{height}"),
        *("-framerate", "25", "-i", "-", "-c:v", "libx265", "-preset", "ultrafast"),
        *("-x265-params", said, "-tag:v", "hvc1", *options, path),
        data=frame * num_frames,
    )
    return path


def in_box_only(clip: Path, path: Path) -> Path:
    """Write a clip whose stream says nothing of its colours and light; the boxes of the MP4 do."""
    forget = "colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2"
    mute = f"hevc_mp4toannexb,hevc_metadata={forget},filter_units=remove_types=39"
    stream = path.with_suffix(".hevc")
    reference.ffmpeg("-i", clip, "-c", "copy", "-bsf:v", mute, stream)
    timed = ("-bsf:v", "setts=ts=N/25/TB", "-tag:v", "hvc1")
    reference.ffmpeg("-i", stream, "-c", "copy", *timed, path)
    mdcv = b"".join(struct.pack(">HH", *xy) for xy in (*MASTERING_VALUES[1:3], MASTERING_VALUES[0]))
    mdcv += struct.pack(">HHII", *MASTERING_VALUES[3], *MASTERING_VALUES[4:])
    boxes = _box(b"colr", b"nclx" + struct.pack(">HHHB", 9, 16, 9, 0))
    boxes += _box(b"mdcv", mdcv) + _box(b"clli", struct.pack(">HH", 1000, 400))
    add_to_entry(path, boxes, instead=b"colr")
    return path


def add_dolby_vision(path: Path, profile: int, compatibility: int) -> Path:
    """Let the video of an MP4, whose index is at its end, say that it is Dolby Vision."""
    bits = profile << 9 | 4 << 3 | 0b101  # level 4; there is a picture, and what Dolby adds to it
    record = struct.pack(">BBHI", 1, 0, bits, compatibility << 28) + bytes(16)
    add_to_entry(path, _box(b"dvcC", record))
    return path


def add_to_entry(path: Path, boxes: bytes, *, instead: bytes = b"") -> None:
    """Add boxes to the first sample entry of an MP4 whose index is at its end."""
    data = bytearray(path.read_bytes())
    places = {name: (start, end) for name, start, end in _boxes(data, 0, len(data))}
    start, end = places[b"moov"]
    assert end == len(data)
    parents = [start - 8]
    for name in (b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"):
        inner = start + (8 if name == b"hvc1" else 0)
        start, end = next((s, e) for each, s, e in _boxes(data, inner, end) if each == name)
        parents.append(start - 8)
    for each, inner, _ in list(_boxes(data, start + 78, end)):
        if each == instead:  # a box of the same name that says less
            data[inner - 4 : inner] = b"free"
    data[end:end] = boxes
    for place in parents:
        size = int.from_bytes(data[place : place + 4]) + len(boxes)
        data[place : place + 4] = size.to_bytes(4)
    path.write_bytes(data)


def _box(name: bytes, payload: bytes) -> bytes:
    return (8 + len(payload)).to_bytes(4) + name + payload


def _boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of what is in each box, one after the other."""
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4])
        head = 16 if size == 1 else 8
        size = int.from_bytes(data[start + 8 : start + 16]) if size == 1 else size or end - start
        yield bytes(data[start + 4 : start + 8]), start + head, start + size
        start += max(size, 8)


def entry_boxes(path: Path) -> dict[str, bytes]:
    """Return what is in the boxes of an MP4's first picture track, and "entry", its kind."""
    data = path.read_bytes()
    for start, end in _tracks(data):
        for name, inner, last in _boxes(data, start + 8, end):
            if name in (b"hvc1", b"hev1", b"avc1", b"vp09", b"av01", b"apch", b"ap4h"):
                found = {
                    each.decode("latin-1"): data[s:e]
                    for each, s, e in _boxes(data, inner + 78, last)
                }
                return {**found, "entry": name}
    raise AssertionError(f"{path}: has no picture")


def _tracks(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield the place of each table of sample entries."""
    for name, inner, last in _boxes(data, start, len(data) if end is None else end):
        if name == b"stsd":
            yield inner, last
        elif name.decode("latin-1") in _CONTAINERS:
            yield from _tracks(data, inner, last)


def told_in_boxes(path: Path) -> dict[str, object]:
    """Return what the boxes say: code points of "colour", "mastering" and "levels"."""
    boxes, told = entry_boxes(path), dict[str, object]()
    if "colr" in boxes:
        told["colour"] = struct.unpack_from(">HHH", boxes["colr"], 4)
    if "mdcv" in boxes:
        *xy, brightest, darkest = struct.unpack(">8HII", boxes["mdcv"])
        green, blue, red, white = (tuple(xy[at : at + 2]) for at in range(0, 8, 2))
        told["mastering"] = (red, green, blue, white, brightest, darkest)
    if "clli" in boxes:
        told["levels"] = struct.unpack(">HH", boxes["clli"])
    return told


def told_in_frames(path: Path) -> dict[str, object]:
    """Return what ffmpeg reads of the stream itself, the container left out."""
    stream = path.with_suffix(".hevc")
    reference.ffmpeg("-i", path, "-map", "0:V:0", "-c", "copy", "-f", "hevc", stream)
    text = reference.log("-i", stream, "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-")
    told = dict[str, object]()
    names = re.search(r"color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)", text)
    assert names is not None
    told["colour"] = tuple(NUMBERS.get(names[at], 2) for at in (2, 3, 1))
    screen = re.search(r"Mastering display metadata: (.*)", text, re.IGNORECASE)
    if screen:
        numbers = [float(number) for number in re.findall(r"\d+\.\d+", screen[1])]
        xy = [round(number * 50_000) for number in numbers[:8]]
        points = [tuple(xy[at : at + 2]) for at in range(0, 8, 2)]
        darkest, brightest = (round(number * 10_000) for number in numbers[8:])
        told["mastering"] = (*points, brightest, darkest)
    if levels := re.search(r"MaxCLL=(\d+), MaxFALL=(\d+)", text):
        told["levels"] = int(levels[1]), int(levels[2])
    return told


def told_by_ffmpeg(path: Path) -> dict[str, dict[str, object]]:
    """Return what ffmpeg reads of the "container", and of the first of the "frames" in it.

    Light in what HEVC counts by: 1/50,000 of the points, and nits, of which black has three places.
    """
    options = ("-map", "0:V:0", "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-")
    text = reference.log("-i", path, *options)
    of_frame = [line for line in text.splitlines() if "Parsed_showinfo" in line]
    parts = {"container": text.partition("Output #0")[0], "frames": "\n".join(of_frame)}
    told = {}
    for where, part in parts.items():
        told[where] = found = dict[str, object]()
        if screen := re.search(r"Mastering display metadata: (.*)", part, re.IGNORECASE):
            *points, darkest, brightest = map(float, re.findall(r"\d+\.\d+", screen[1]))
            found["points"] = [round(point * 50_000) for point in points]
            found["nits"] = round(darkest, 3), brightest
        if levels := re.search(r"MaxCLL=\d+, MaxFALL=\d+", part):
            found["levels"] = levels[0]
    colour = re.search(r"color_space:\S+ color_primaries:\S+ color_trc:\S+", parts["frames"])
    told["frames"]["colour"] = colour and colour[0]
    return told


def luma_of(path: Path, size_hw: tuple[int, int] = SIZE_HW) -> NDArray[np.uint16]:
    """Return (h, w), the luma of the first frame with the bits that it has."""
    kind = "gray10le" if "p10" in reference.description(path) else "gray"
    raw = reference.ffmpeg(
        *("-i", path, "-map", "0:V:0", "-frames:v", "1", "-vf", f"extractplanes=y,format={kind}"),
        *("-f", "rawvideo", "-"),
    )
    return np.frombuffer(raw, "<u2" if kind != "gray" else "u1").reshape(size_hw).astype(np.uint16)
