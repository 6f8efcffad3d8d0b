"""Photos as cameras write them, with pictures of the room within, and runs over them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.opening import open_run
from stream.running.loop import play
from tests.stand_ins.fakes import PERSON, ROOM, Oracle

THUMBNAIL = (255, 0, 255)


def person(size_hw: tuple[int, int] = (48, 64)) -> NDArray[np.uint8]:
    """A square person, which `Oracle` finds, before a plain room."""
    image = np.full((*size_hw, 3), ROOM, np.uint8)
    image[16:32, 16:40] = PERSON
    return image


def with_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    """Return a PNG with one more chunk."""
    check = struct.pack(">I", zlib.crc32(name + body))
    return data[:33] + struct.pack(">I", len(body)) + name + body + check + data[33:]


def png(image: np.ndarray) -> bytes:
    """Return the PNG of (H, W) grey or (H, W, 3) RGB."""
    return bytes(cv2.imencode(".png", image if image.ndim == 2 else image[..., ::-1])[1])


def through(
    source: Path | str,
    out: Path | str,
    effect: str = "none",
    segmenter: Oracle | None = None,
    **more: object,
) -> list[str]:
    """Run a photo or a folder to a file; returns what was told."""
    told: list[str] = []
    segmenter = segmenter or Oracle()
    with open_run(
        source, out, segmenter=segmenter, effect=effect, on_message=told.append, **more
    ) as run:
        play(run)
    return told


def thumbnail() -> bytes:
    """A small JPEG of the room."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(np.full((24, 32, 3), THUMBNAIL, np.uint8)).save(data, "JPEG", quality=95)
    return data.getvalue()


def camera_exif(orientation: int = 1) -> bytes:
    """What a camera writes: itself, date and place, exposure, its own notes and a thumbnail."""
    from PIL import Image

    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0110: "Model 5", 0x0132: "2024:05:06 07:08:10"})
    exif.update({0x0112: orientation, 0x011A: 300.0, 0x011B: 300.0, 0x0128: 2, 0x013B: "Nobody"})
    exif.get_ifd(0x8769).update(
        {0x9003: "2024:05:06 07:08:09", 0x9011: "+02:00", 0x829A: 0.01, 0x927C: b"M" + thumbnail()}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    assert thumbnail() in block
    return block


def kept(path: Path) -> dict[str, object]:
    """Return what another program finds in a photo."""
    from PIL import Image

    with Image.open(path) as image:
        exif = image.getexif()
        dates, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
        dpi = image.info.get("dpi") or (exif.get(0x011A),) * 2
        return {
            "camera": [exif.get(0x010F), exif.get(0x0110)],
            "date": [dates.get(0x9003), dates.get(0x9011), exif.get(0x0132)],
            "place": dict(place),
            "dpi": None if dpi[0] in (None, 1) else round(float(dpi[0])),
            "profile": image.info.get("icc_profile"),
            "orientation": exif.get(0x0112, 1),
            "other": sorted(set(dates) & {0x829A, 0x927C, 0x013B} | set(exif) & {0x013B}),
        }


def is_thumbnail_in(path: Path) -> bool:
    """Return whether the bytes of the thumbnail's picture lie anywhere in a file."""
    data = thumbnail()
    scan = data[data.index(b"\xff\xda") :][:200]
    return scan in path.read_bytes()


def names(folder: Path) -> Sequence[str]:
    """Return the names of what lies in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())
