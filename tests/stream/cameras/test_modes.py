"""What cameras offer, and what is said where they give something else."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import pytest

from stream.cameras import v4l2
from stream.cameras.modes import (
    Mode,
    Wanted,
    advice,
    mode_lines,
    offered_modes,
    parse_format,
    parse_size,
)
from tests.stand_ins.devices.video_kernel import VideoKernel, VideoNode

HD, VGA = (1280, 720), (640, 480)


def modes(**formats: dict[tuple[int, int], list[int]]) -> list[Mode]:
    return [
        Mode(size_wh, Fraction(rate), name, name in ("MJPG", "H264"))
        for name, sizes in formats.items()
        for size_wh, rates in sizes.items()
        for rate in rates
    ]


def test_what_a_camera_offers_is_read_from_its_driver(kernel: VideoKernel) -> None:
    formats = {"YUYV": {VGA: [30, 5], HD: [10]}, "MJPG": {HD: [60, 30]}, "Y16": {VGA: []}}
    path = kernel.add(0, VideoNode("C920", formats))
    found = offered_modes(path)
    fastest = modes(YUYV={HD: [10], VGA: [30, 5]}, MJPG={HD: [60, 30]})
    assert found == [*fastest, Mode(VGA, None, "Y16")]
    assert mode_lines(found) == [
        "YUYV 1280x720 (10), 640x480 (5-30)",
        "MJPG 1280x720 (30-60)",
        "Y16 640x480",
    ]


def test_sizes_and_rates_that_are_ranges(tmp_path: Path, monkeypatch) -> None:
    """As of vivid and of virtual cameras: any size between two, any rate between two."""

    def answer(file: int, request: int, data: bytearray) -> None:
        if struct.unpack_from("I", data) != (0,):
            raise OSError
        if request == v4l2.ENUM_FMT:
            struct.pack_into("4s", data, 44, b"YUYV")
        elif request == v4l2.ENUM_FRAMESIZES:
            struct.pack_into("7I", data, 8, 3, 320, 1920, 2, 180, 1080, 2)
        elif request == v4l2.ENUM_FRAMEINTERVALS:
            struct.pack_into("7I", data, 16, 3, 1, 60, 1, 2, 1, 60)
        else:
            raise OSError

    monkeypatch.setattr(v4l2, "ioctl", answer)
    (tmp_path / "video0").touch()
    found = [(each.size_wh, each.fps) for each in offered_modes(tmp_path / "video0")]
    assert found == [(size_wh, fps) for size_wh in ((1920, 1080), (320, 180)) for fps in (60, 2)]


def test_a_driver_that_never_ends_its_list(tmp_path: Path, monkeypatch) -> None:
    def answer(file: int, request: int, data: bytearray) -> None:
        if request != v4l2.ENUM_FMT:
            raise OSError

    monkeypatch.setattr(v4l2, "ioctl", answer)
    (tmp_path / "video0").touch()
    assert offered_modes(tmp_path / "video0") == []
    assert offered_modes(tmp_path / "gone") == []


def test_what_was_not_given_as_asked_for() -> None:
    given = Mode(HD, Fraction(30000, 1001), "YUYV")
    assert given.unlike(Wanted()) == ""
    assert given.unlike(Wanted(HD, Fraction(30), "YUYV")) == ""
    assert given.unlike(Wanted((1920, 1080), Fraction(60), "MJPG")) == (
        "1920x1080, 60 frames/s, MJPG"
    )
    assert Mode(HD, None, "").unlike(Wanted(HD, Fraction(60), "MJPG")) == ""


def test_sizes_and_formats_are_read() -> None:
    assert parse_size("1280x720") == HD
    assert parse_format("mjpg") == "MJPG"
    for size in ("1280", "1280x", "0x720", "1280x720@30", "99999x1", ""):
        with pytest.raises(ValueError, match="1280x720, got"):
            parse_size(size)
    for pixels in ("", "m", "mjpeg2", "a b"):
        with pytest.raises(ValueError, match="mjpg or yuyv, got"):
            parse_format(pixels)


def test_a_slow_format_is_told_with_the_option_to_use() -> None:
    offered = modes(YUYV={HD: [5], VGA: [30]}, MJPG={HD: [30], VGA: [30]})
    slow = Mode(HD, Fraction(30), "YUYV")
    assert advice(slow, 4.0, offered) == "MJPG at 30 is offered: --camera-format mjpg"
    assert advice(Mode(HD, Fraction(30), "MJPG"), 29.7, offered) == ""
    # no cable makes what is compressed slow, but want of light may
    dark = [*offered, *modes(H264={HD: [30]})]
    assert "more light" in advice(Mode(HD, Fraction(30), "MJPG"), 12.0, dark)
    assert "format h264" in advice(
        Mode(HD, Fraction(12), "MJPG"), 12.0, modes(MJPG={HD: [12]}, H264={HD: [30]})
    )
    # nobody asked for more than 30
    assert advice(Mode(HD, Fraction(30), "MJPG"), 30.0, [*offered, *modes(H264={HD: [60]})]) == ""
    assert advice(Mode(HD, Fraction(10), "YUYV"), 9.9, modes(YUYV={HD: [30, 10]})) == ""


def test_a_smaller_size_is_told_where_that_alone_helps() -> None:
    offered = modes(YUYV={(1920, 1080): [5], HD: [10], VGA: [30], (320, 240): [30]})
    slow = Mode(HD, Fraction(10), "YUYV")
    assert advice(slow, 9.9, offered) == "640x480 at 30 is offered: --camera-size 640x480"
    both = [*offered, *modes(MJPG={(800, 600): [30]})]
    assert advice(slow, 9.9, both) == (
        "800x600 at 30 is offered: --camera-size 800x600 --camera-format mjpg"
    )
    assert advice(slow, 9.9, modes(YUYV={HD: [10]})) == ""
    assert advice(slow, 9.9, []) == ""
