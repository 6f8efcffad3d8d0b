"""Encoders: how each is told about quality and speed, and what it takes.

Quality and speed are asked for in x264's terms, a constant rate factor and the name of a preset;
here is what they mean to the others. Factors are chosen so that pictures look about as good.
Source: `ffmpeg -h encoder=NAME` of ffmpeg 9.0, and the manuals of the encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: The fastest first.
X264_PRESETS = tuple("ultrafast superfast veryfast faster fast medium slow slower veryslow".split())
MAX_CRF = 51

#: Bits a channel, and ffmpeg's name of the pixels that have them.
Pixels = Mapping[int, str]

_PLANAR: Pixels = {8: "yuv420p", 10: "yuv420p10le"}
_SEMI_PLANAR: Pixels = {8: "nv12", 10: "p010le"}
# A longer lookahead holds more of a recording back.
_LOOKAHEAD = 10  # frames
NARROW = 64  # pixels of width


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """An encoder of ffmpeg; each is there once.

    Attributes:
        name: ffmpeg's.
        pixels: that it takes, by their depth; a depth that is not there it cannot encode.
        quality: arguments for a preset, one of `X264_PRESETS`, and a constant rate factor.
        alpha_pixels: instead, where there is transparency, "" where it cannot encode any.
        alpha_options: further arguments then.
        least_side: of a picture that it takes, in pixels.
        most_side: likewise.
        recording: further arguments, so that it holds little back.
        narrow: instead of those, for pictures of less than `NARROW`, recorded or not.
        low_delay: likewise, so that each frame leaves it at once.
        upload: the last filter, for frames that must be in the memory of a device.
        device: arguments that open that.
    """

    name: str
    pixels: Pixels
    quality: Callable[[str, int], list[str]]
    alpha_pixels: str = ""
    alpha_options: tuple[str, ...] = ()
    least_side: int = 1
    most_side: int = 65535
    recording: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()
    low_delay: tuple[str, ...] = ()
    upload: str = ""
    device: tuple[str, ...] = ()


def _scaled(crf: int, largest: int) -> str:
    """Return a factor on a scale of 0 to `largest`, of which 0 means something else to many."""
    return str(max(1, round(crf * largest / MAX_CRF)))


def _step(preset: str, steps: str) -> str:
    """Return the step, of those separated by spaces, for a preset."""
    return steps.split()[X264_PRESETS.index(preset)]


# === Software ===


def _x264(preset: str, crf: int) -> list[str]:
    return ["-preset", preset, "-crf", str(crf)]


def _x265(preset: str, crf: int) -> list[str]:
    # its own default is 28, where that of x264 is 23
    return ["-preset", preset, "-crf", str(min(MAX_CRF, round(crf * 28 / 23)))]


def _svt_av1(preset: str, crf: int) -> list[str]:
    step = _step(preset, "12 12 11 10 9 8 6 5 4")
    return ["-preset", step, "-crf", str(min(63, max(1, round(crf * 35 / 23))))]


def _aom(preset: str, crf: int) -> list[str]:
    speed = ["-cpu-used", _step(preset, "8 8 8 7 7 6 5 4 3"), "-row-mt", "1"]
    return [*speed, "-crf", str(min(63, round(crf * 35 / 23)))]


def _vp9(preset: str, crf: int) -> list[str]:
    speed = ["-deadline", "good", "-cpu-used", "4", "-row-mt", "1"]
    return ["-b:v", "0", "-crf", str(round(crf * 63 / MAX_CRF)), *speed]


def _prores(profile: str) -> Callable[[str, int], list[str]]:
    return lambda preset, crf: ["-profile:v", profile]


_X265_RECORDING = f"rc-lookahead={_LOOKAHEAD}:open-gop=0"

#: By codec; of several the first that an ffmpeg has.
SOFTWARE: dict[str, tuple[Encoder, ...]] = {
    "h264": (
        Encoder(
            "libx264",
            {8: "yuv420p"},
            _x264,
            most_side=16384,
            recording=("-rc-lookahead", str(_LOOKAHEAD)),
            low_delay=("-tune", "zerolatency"),
        ),
    ),
    "hevc": (
        Encoder(
            "libx265",
            _PLANAR,
            _x265,
            least_side=16,
            recording=("-x265-params", _X265_RECORDING),
            # what it has for AVX2 writes beyond 10-bit pictures of 34 to 48 pixels, and aborts
            narrow=("-x265-params", f"{_X265_RECORDING}:asm=0"),
        ),
    ),
    "av1": (
        Encoder(
            "libsvtav1",
            _PLANAR,
            _svt_av1,
            most_side=16384,
            recording=("-svtav1-params", f"lookahead={_LOOKAHEAD}"),
        ),
        Encoder("libaom-av1", _PLANAR, _aom, recording=("-lag-in-frames", str(_LOOKAHEAD))),
    ),
    "vp9": (
        Encoder(
            "libvpx-vp9",
            _PLANAR,
            _vp9,
            "yuva420p",
            # its alternate reference frames cannot carry alpha
            ("-auto-alt-ref", "0"),
            recording=("-lag-in-frames", str(_LOOKAHEAD)),
        ),
    ),
    "prores": (
        Encoder(
            "prores_ks",
            dict.fromkeys((8, 10), "yuv422p10le"),
            _prores("hq"),
            "yuva444p10le",
            ("-profile:v", "4444", "-alpha_bits", "16"),
        ),
    ),
}


# === Hardware ===


def _nvenc(largest: int) -> Callable[[str, int], list[str]]:
    def quality(preset: str, crf: int) -> list[str]:
        speed = ["-preset", f"p{_step(preset, '1 1 2 3 3 4 5 6 7')}"]
        return [*speed, "-rc", "vbr", "-cq", _scaled(crf, largest), "-b:v", "0"]

    return quality


def _qsv(preset: str, crf: int) -> list[str]:
    known = preset if preset not in ("ultrafast", "superfast") else "veryfast"
    return ["-preset", known, "-global_quality", _scaled(crf, MAX_CRF)]


def _amf(largest: int) -> Callable[[str, int], list[str]]:
    def quality(preset: str, crf: int) -> list[str]:
        speed = _step(preset, f"{'speed ' * 3}{'balanced ' * 3}{'quality ' * 3}")
        step = _scaled(crf, largest)
        return ["-quality", speed, "-rc", "cqp", "-qp_i", step, "-qp_p", step]

    return quality


def _vaapi(option: str, largest: int) -> Callable[[str, int], list[str]]:
    return lambda preset, crf: ["-rc_mode", "CQP", option, _scaled(crf, largest)]


def _videotoolbox(preset: str, crf: int) -> list[str]:
    return ["-q:v", str(max(1, round(100 * (1 - crf / MAX_CRF))))]


def _on_nvidia(codec: str, pixels: Pixels, largest: int = MAX_CRF) -> Encoder:
    low_delay = ("-tune", "ll", "-bf", "0")
    return Encoder(f"{codec}_nvenc", pixels, _nvenc(largest), low_delay=low_delay)


def _on_intel(codec: str, pixels: Pixels) -> Encoder:
    return Encoder(f"{codec}_qsv", pixels, _qsv, low_delay=("-async_depth", "1", "-bf", "0"))


def _on_amd(codec: str, pixels: Pixels, largest: int = MAX_CRF) -> Encoder:
    return Encoder(f"{codec}_amf", pixels, _amf(largest), low_delay=("-usage", "lowlatency"))


def _on_vaapi(codec: str, pixels: Pixels, option: str, largest: int) -> Encoder:
    return Encoder(
        f"{codec}_vaapi",
        pixels,
        _vaapi(option, largest),
        low_delay=("-bf", "0"),
        upload="hwupload",
        device=("-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu"),
    )


_ONLY_8: Pixels = {8: "nv12"}

#: By what it is called on the command line, the most common first; then by codec.
HARDWARE: dict[str, dict[str, Encoder]] = {
    "nvenc": {
        "h264": _on_nvidia("h264", _ONLY_8),
        "hevc": _on_nvidia("hevc", _SEMI_PLANAR),
        "av1": _on_nvidia("av1", _SEMI_PLANAR, 63),
    },
    "qsv": {
        "h264": _on_intel("h264", _ONLY_8),
        **{codec: _on_intel(codec, _SEMI_PLANAR) for codec in ("hevc", "av1", "vp9")},
    },
    "vaapi": {
        "h264": _on_vaapi("h264", _ONLY_8, "-qp", MAX_CRF),
        "hevc": _on_vaapi("hevc", _SEMI_PLANAR, "-qp", MAX_CRF),
        **{
            codec: _on_vaapi(codec, _SEMI_PLANAR, "-global_quality", 255)
            for codec in ("av1", "vp9")
        },
    },
    "amf": {
        "h264": _on_amd("h264", _ONLY_8),
        "hevc": _on_amd("hevc", _SEMI_PLANAR),
        "av1": _on_amd("av1", _SEMI_PLANAR, 255),
    },
    "videotoolbox": {
        "h264": Encoder("h264_videotoolbox", _ONLY_8, _videotoolbox, low_delay=("-realtime", "1")),
        "hevc": Encoder("hevc_videotoolbox", _SEMI_PLANAR, _videotoolbox),
        "prores": Encoder("prores_videotoolbox", dict.fromkeys((8, 10), "p210le"), _prores("hq")),
    },
}

#: What can be asked for: one of these, or hardware by its name.
SOFTWARE_ENCODER, AUTO = "software", "auto"
ENCODERS = (SOFTWARE_ENCODER, AUTO, *HARDWARE)
VIDEO_CODECS = tuple(SOFTWARE)
