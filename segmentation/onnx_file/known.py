"""How pixels must be scaled for networks that are known by their files' names.

A file does not say it, and most are downloaded under these names. docs/onnx.md cites where each
scaling is from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Scaling:
    """A network sees (pixel / 255 - mean) / std, red, green and blue each with its own.

    Attributes:
        mean: of red, green and blue.
        std: likewise.
        is_bgr: blue goes in first.
    """

    mean: Triple
    std: Triple
    is_bgr: bool = False

    def told(self) -> str:
        """Return it as the command line has it."""
        return f"--mean {_told(self.mean)} --std {_told(self.std)}"


@dataclass(frozen=True, slots=True)
class Known:
    """A network that many people have.

    Attributes:
        title: for people.
        names: what the name of its file, in small letters and without its ending, begins with.
        scaling: see there.
        finds: what its foreground is.
        size: short side of an input whose size the file leaves free; `None` where none does.
    """

    title: str
    names: str
    scaling: Scaling
    finds: str
    size: int | None = None


FOREGROUND, PERSON = "foreground", "person"
IMAGENET = Scaling((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = Scaling((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
MINUS_ONE_TO_ONE = Scaling((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PLAIN = Scaling((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
#: pixels go in as they are, from 0 to 255
AS_THEY_ARE = Scaling((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
# in the order of blue, green and red, pixels from 0 to 255, divided by 255 once more afterwards
_SINET_MEAN, _SINET_STD = (107.304565, 115.69884, 132.35703), (63.97182, 65.1337, 68.29726)
SINET = Scaling(
    (_SINET_MEAN[2] / 255, _SINET_MEAN[1] / 255, _SINET_MEAN[0] / 255),
    (_SINET_STD[2], _SINET_STD[1], _SINET_STD[0]),
    is_bgr=True,
)

#: the first whose pattern fits counts
KNOWN = (
    Known("U2-Net", r"u2net_human_seg|silueta", IMAGENET, PERSON),
    Known("U2-Net", r"u2net", IMAGENET, FOREGROUND),
    Known("BiRefNet", r"birefnet[-_]portrait", IMAGENET, PERSON, 1024),
    Known("BiRefNet", r"birefnet|bria-rmbg-2", IMAGENET, FOREGROUND, 1024),
    Known("IS-Net", r"isnet(?!.*anime)", HALF, FOREGROUND, 1024),
    Known("MODNet", r"modnet", MINUS_ONE_TO_ONE, PERSON, 512),
    Known("PP-HumanSeg", r".*pp-?_?humanseg", MINUS_ONE_TO_ONE, PERSON, 192),
    Known("MediaPipe", r"selfie_segment|mediapipe", PLAIN, PERSON),
    Known("SINet", r"sinet", SINET, PERSON),
)


def known_by_name(path: Path) -> Known | None:
    """Return the network that a file's name belongs to, `None` for other names."""
    name = path.stem.lower()
    return next((each for each in KNOWN if re.match(each.names, name)), None)


def _told(values: Triple) -> str:
    texts = [f"{value:.6g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else ",".join(texts)
