"""Which encoders this machine's ffmpeg can use: each has encoded something."""

from __future__ import annotations

from segmentation.pip_command import pip_install
from stream.doctor.finding import Finding
from stream.errors import StreamError
from stream.ffmpeg.encoding.choice import choose, failure, sound_failure
from stream.ffmpeg.encoding.codecs import CODECS, Encoding
from stream.ffmpeg.encoding.encoders import HARDWARE, VIDEO_CODECS
from stream.ffmpeg.encoding.formats import FORMATS

_TOPIC = "encoder"
_SIZE_HW = (480, 640)
#: Of sound, and whose.
SOUND = {"aac": "sound of .mp4 .mkv .mov and the network", "libopus": "sound of .webm"}


def encoder_findings() -> list[Finding]:
    """Return what encodes each codec in software, what sound, and what hardware.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    found = [_in_software(codec) for codec in VIDEO_CODECS]
    found += [_of_sound(name) for name in SOUND]
    hardware = [_on_hardware(kind) for kind in HARDWARE]
    return [*found, *hardware]


def _in_software(codec: str) -> Finding:
    try:
        encoding = choose("", CODECS[codec].endings[0], _SIZE_HW, codec=codec)
        name, why = encoding.encoder.name, failure(encoding, _SIZE_HW)
    except StreamError as error:
        name, why = codec, str(error).removeprefix(": ")
    default = [
        ending for ending, kind in FORMATS.items() if codec in (kind.codec, kind.alpha_codec)
    ]
    use = f"--codec {codec}" + (f", {' '.join(default)}" if default else "")
    if not why:
        return Finding(_TOPIC, "ok", f"{name}, for {use}")
    remedy = pip_install("--force-reinstall", "imageio-ffmpeg")
    return Finding(_TOPIC, "wrong" if default else "missing", f"{name}, for {use} ({why})", remedy)


def _of_sound(name: str) -> Finding:
    if why := sound_failure(name):
        remedy = pip_install("--force-reinstall", "imageio-ffmpeg")
        return Finding(_TOPIC, "wrong", f"{name}, for {SOUND[name]} ({why})", remedy)
    return Finding(_TOPIC, "ok", f"{name}, for {SOUND[name]}")


def _on_hardware(kind: str) -> Finding:
    reasons = {
        codec: failure(Encoding(CODECS[codec], encoder), _SIZE_HW)
        for codec, encoder in HARDWARE[kind].items()
    }
    works = [codec for codec, why in reasons.items() if not why]
    if works:
        return Finding(_TOPIC, "ok", f"--encoder {kind} can encode {', '.join(works)}")
    why = next(iter(reasons.values()))
    return Finding(_TOPIC, "ok", f"--encoder {kind} cannot be used here ({why})")
