"""HEIC and AVIF files, larger ones in tiles, written box by box around what ffmpeg encodes."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.ffmpeg_reference import ffmpeg

TILE = 64


def write_heif(
    path: Path,
    image: NDArray[np.uint8],
    *,
    quarter_turns: int = 0,
    mirrored: int | None = None,
    seen_xywh: tuple[int, int, int, int] | None = None,
    profile: bytes | None = None,
    exif: bytes | None = None,
    links_apart: bool = False,
    described: Sequence[tuple[str, bytes]] = (),
    described_elsewhere: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Write (H, W, 3) RGB as a grid of tiles: HEVC, or AV1 where `path` ends in .avif.

    What is as large as one tile is written without a grid.

    Args:
        quarter_turns: anticlockwise, that a reader has to make.
        mirrored: thereafter, upside down where 0, left to right where 1.
        seen_xywh: the part of `image` that is to be seen.
        profile: ICC.
        exif: the block that begins with its byte order.
        links_apart: what belongs to the tiles stands in another box than what belongs to the grid,
            in longer numbers, as two such boxes must differ.
        described: further properties, name and body, of what is shown.
        described_elsewhere: of another picture, such as a gain map.
    """
    kind, config = ("av01", "av1C") if path.suffix == ".avif" else ("hvc1", "hvcC")
    height, width = image.shape[:2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    padding = (0, rows * TILE - height), (0, columns * TILE - width), (0, 0)
    padded = np.pad(image, padding, mode="edge")
    places = [(row * TILE, column * TILE) for row in range(rows) for column in range(columns)]
    coded = [_encoded(path, padded[y:, x:][:TILE, :TILE], kind, config) for y, x in places]
    configured, tiles, num = coded[-1][0], [tile for _, tile in coded], len(coded)
    main = num if (height, width) == (TILE, TILE) else num + 1
    items = [(kind, tile) for tile in tiles]
    items += [("grid", _grid(rows, columns, width, height))] * (main - num)
    if exif is not None:
        items.append(("Exif", bytes(4) + exif))
    extra = [_box("irot", bytes([quarter_turns]))]
    extra += [] if mirrored is None else [_box("imir", bytes([mirrored]))]
    extra += [] if seen_xywh is None else [_aperture(seen_xywh, width, height)]
    extra += [] if profile is None else [_box("colr", b"prof" + profile)]
    extra += itertools.starmap(_box, described)
    sizes = [_full("ispe", 0, struct.pack(">II", *wh)) for wh in ((TILE, TILE), (width, height))]
    others = itertools.starmap(_box, described_elsewhere)
    properties = _box("ipco", _box(config, configured), *sizes, *extra, *others)
    links = {
        **dict.fromkeys(range(1, num + 1), (1, 2)),
        main: (*((1, 2) if main == num else (3,)), *range(4, 4 + len(extra))),
    }
    linked = _linked_apart(links, main) if links_apart else _associations(links)
    path.write_bytes(_file(kind, items, main, _box("iprp", properties, linked)))


def _file(kind: str, items: list[tuple[str, bytes]], main: int, properties: bytes) -> bytes:
    meta = _meta(items, main, properties)
    data = b"".join(body for _, body in items)
    brand = b"avif" if kind == "av01" else b"heic"
    begin = _box("ftyp", brand + bytes(4) + b"mif1" + brand)
    start = len(begin) + len(meta(0)) + 8
    return begin + meta(start) + _box("mdat", data)


def _encoded(path: Path, tile: NDArray[np.uint8], kind: str, config: str) -> tuple[bytes, bytes]:
    """Return the decoder's configuration and the coded picture."""
    raw, video = path.with_suffix(".raw"), path.with_suffix(".mp4")
    raw.write_bytes(np.ascontiguousarray(tile).tobytes())
    codec = ["-c:v", "libx265", "-x265-params", "log-level=none", "-crf", "8", "-tag:v", "hvc1"]
    if kind == "av01":
        codec = ["-c:v", "libaom-av1", "-crf", "8", "-cpu-used", "8", "-still-picture", "1"]
    shape = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{TILE}x{TILE}")
    pixels = ("-vf", "scale=out_range=pc:out_color_matrix=bt601", "-pix_fmt", "yuv420p")
    ffmpeg(*shape, "-i", raw, *pixels, "-color_range", "pc", *codec, video)
    data = video.read_bytes()
    raw.unlink()
    video.unlink()
    found = {}
    for name in (config.encode(), b"mdat"):
        at = data.index(name)
        found[name] = data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at])]
    return found[config.encode()], found[b"mdat"]


def _aperture(seen_xywh: tuple[int, int, int, int], width: int, height: int) -> bytes:
    left, top, wide, high = seen_xywh
    off = (2 * left + wide - width, 2 * top + high - height)
    return _box("clap", struct.pack(">8i", wide, 1, high, 1, off[0], 2, off[1], 2))


def _grid(rows: int, columns: int, width: int, height: int) -> bytes:
    return struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)


def _meta(items: list[tuple[str, bytes]], main: int, properties: bytes):
    """Return what makes the box, given where the first item will lie.

    Args:
        main: number of the item that is shown; those before it are its tiles.
    """
    infos = [
        _box("infe", b"\2\0\0" + bytes([i < main]) + struct.pack(">HH", i, 0) + kind + b"\0")
        for i, kind in enumerate((kind.encode() for kind, _ in items), 1)
    ]
    references = []
    if main > 1:
        numbers = struct.pack(f">{main + 1}H", main, main - 1, *range(1, main))
        references.append(_box("dimg", numbers))
    if len(items) > main:
        references.append(_box("cdsc", struct.pack(">3H", main + 1, 1, main)))

    def made(start: int) -> bytes:
        places, position = b"", start
        for number, (_, body) in enumerate(items, 1):
            places += struct.pack(">HHHHII", number, 0, 0, 1, position, len(body))
            position += len(body)
        return _full(
            "meta",
            0,
            _full("hdlr", 0, bytes(4) + b"pict" + bytes(13)),
            _full("pitm", 0, struct.pack(">H", main)),
            _full("iloc", 1, struct.pack(">BBH", 0x44, 0, len(items)) + places),
            _full("iinf", 0, struct.pack(">H", len(items)), *infos),
            _full("iref", 0, *references),
            properties,
        )

    return made


def _linked_apart(links: dict[int, tuple[int, ...]], main: int) -> bytes:
    others = {item: numbers for item, numbers in links.items() if item != main}
    return _associations({main: links[main]}) + _associations(others, link_size=2)


def _associations(links: dict[int, tuple[int, ...]], link_size: int = 1) -> bytes:
    body = struct.pack(">I", len(links))
    must_be_known = 1 << 8 * link_size - 1
    for item, numbers in links.items():
        body += struct.pack(">HB", item, len(numbers))
        body += b"".join((must_be_known | each).to_bytes(link_size) for each in numbers)
    return _box("ipma", bytes([0, 0, 0, link_size - 1]), body)


def _full(name: str, version: int, *parts: bytes) -> bytes:
    return _box(name, bytes([version, 0, 0, 0]), *parts)


def _box(name: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + name.encode() + body
