"""Which video of a file is shown, how, and what is no video."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from segmentation.unfinished import unfinished
from stream.errors import StreamError
from stream.sources import open_source
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.inputs.deep_clips import add_to_entry
from tests.inputs.films import PICTURE, SOUND

pytestmark = pytest.mark.usefixtures("nothing_left_over")

LARGE = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=1")


def read(path: Path) -> tuple[VideoSource, int, list[str]]:
    told: list[str] = []
    with VideoSource(str(path), told.append) as source:
        return source, sum(1 for _ in source), told


def test_the_video_marked_as_default_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    flags = ("-disposition:v:0", "0", "-disposition:v:1", "default")
    reference.ffmpeg(*LARGE, *PICTURE, "-map", "0", "-map", "1", *flags, path)
    source, _, told = read(path)
    assert source.info.width == 64
    assert told == [f"{path}: has 2 videos; number 2 is shown (64x48, marked as default)"]


def test_of_several_the_largest_is_shown_with_its_program(tmp_path: Path) -> None:
    path = tmp_path / "two.ts"
    programs = ("-program", "st=0:st=2", "-program", "st=1:st=3")
    sounds = (*SOUND, *SOUND)
    maps = [part for number in range(4) for part in ("-map", str(number))]
    reference.ffmpeg(*PICTURE, *LARGE, *sounds, *maps, *programs, path)
    source, num_frames, told = read(path)
    assert (source.info.width, num_frames) == (96, 25)
    assert told == [f"{path}: has 2 videos; number 2 is shown (96x64)"]
    assert source.info.contents is not None
    assert [track.index for track in source.info.contents.sound] == [3]


@pytest.mark.parametrize("size", ["64x48", "640x480"])  # which ffmpeg takes for two formats
def test_photos_in_a_row_are_a_video(tmp_path: Path, size: str) -> None:
    path = tmp_path / "clip.mjpeg"
    picture = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=1")
    reference.ffmpeg(*picture, "-c:v", "mjpeg", path)
    with open_source(str(path)) as source:
        assert sum(1 for _ in source) == 25


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    path, cover = tmp_path / "song.m4a", tmp_path / "cover.jpg"
    reference.ffmpeg(*PICTURE, "-frames:v", "1", cover)
    attached = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic")
    reference.ffmpeg(*SOUND, "-i", cover, *attached, path)
    with pytest.raises(StreamError, match="has no video in it"):
        VideoSource(str(path))


def write_interlaced(path: Path, coder: str) -> None:
    """Write a second of a bar that moves so far that two moments in one frame make a comb."""
    bar = "color=black:size=128x96:rate=50:duration=1[b];color=white:size=16x96:rate=50[w]"
    moving = f"{bar};[b][w]overlay=x=mod(n*8\\,128):shortest=1,interlace=scan=tff"
    codec = ("-c:v", coder, "-flags", "+ilme+ildct", "-b:v", "8M")
    reference.ffmpeg("-f", "lavfi", "-i", moving, *codec, path)


@pytest.mark.parametrize(
    ("ending", "coder"),
    # of MPEG-4 only its frames say what they are, no container
    [("ts", "mpeg2video"), ("mkv", "mpeg2video"), ("avi", "mpeg4"), ("mp4", "mpeg4")],
)
def test_interlaced_video_loses_its_combs(tmp_path: Path, ending: str, coder: str) -> None:
    path = tmp_path / f"interlaced.{ending}"
    write_interlaced(path, coder)
    told: list[str] = []
    with VideoSource(str(path), told.append) as source:
        images = [frame.image[..., 1].astype(int) for frame in source]
    assert len(images) == 25
    combed = reference.rgb(path, (96, 128), 25)[10, ..., 1].astype(int)
    before, after = (np.abs(np.diff(each, axis=0)).mean() for each in (combed, images[10]))
    assert before > 3 * after
    assert told == [f"{path}: is interlaced, and is deinterlaced"]


@pytest.mark.parametrize("ending", ["mkv", "mov"])
def test_what_is_interlaced_from_its_middle_on_loses_its_combs(tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / "first.ts", tmp_path / "second.ts"
    still = "color=black:size=128x96:rate=25:duration=1"
    reference.ffmpeg("-f", "lavfi", "-i", still, "-c:v", "mpeg2video", first)
    write_interlaced(second, "mpeg2video")
    joined, path = tmp_path / "joined.ts", tmp_path / f"mixed.{ending}"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    reference.log("-fflags", "+genpts", "-i", joined, "-c", "copy", "-y", path)
    told: list[str] = []
    with VideoSource(str(path), told.append) as source:
        images = [frame.image[..., 1].astype(int) for frame in source]
    combed = reference.rgb(path, (96, 128), 45)[40, ..., 1].astype(int)
    before, after = (np.abs(np.diff(each, axis=0)).mean() for each in (combed, images[40]))
    assert before > 3 * after
    assert told == [f"{path}: is interlaced, and is deinterlaced"]


@pytest.mark.parametrize(("ending", "coder"), [("ts", "mpeg2video"), ("mp4", "mpeg4")])
def test_what_only_calls_itself_interlaced_stays_as_it_is(
    tmp_path: Path, ending: str, coder: str
) -> None:
    path = tmp_path / f"progressive.{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (96, 400), np.uint8)
    soft = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    frames = b"".join(soft[:, 4 * index : 4 * index + 128].tobytes() for index in range(25))
    raw = ("-f", "rawvideo", "-pixel_format", "gray", "-video_size", "128x96", "-i", "-")
    codec = ("-c:v", coder, "-flags", "+ilme+ildct", "-q:v", "2")
    reference.ffmpeg(*raw, "-vf", "format=yuv420p,setfield=tff", *codec, path, data=frames)
    told: list[str] = []
    with VideoSource(str(path), told.append) as source:
        images = np.stack([frame.image for frame in source])
    expected = reference.rgb(path, (96, 128), 25)
    assert np.abs(images.astype(int) - expected).max() <= 2
    assert told == []


def test_what_its_container_alone_calls_interlaced_is_not(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    reference.ffmpeg(*PICTURE, "-vf", "setfield=tff", "-c:v", "mpeg4", path)
    assert "top" in reference.description(path)
    _, num_frames, told = read(path)
    assert (num_frames, told) == (25, [])


@pytest.mark.parametrize(
    ("ending", "coder", "pixels"),
    [
        *(("mkv", "ffv1", "yuva420p"), ("mov", "png", "rgba")),
        *(("mov", "prores_ks", "yuva444p10le"), ("mkv", "ffv1", "bgra")),
        *(("webm", "libvpx-vp9", "yuva420p"), ("webm", "libvpx", "yuva420p")),
    ],
)
def test_that_transparency_is_left_out_is_told(
    tmp_path: Path, ending: str, coder: str, pixels: str
) -> None:
    path = tmp_path / f"clip.{ending}"
    clear = ("-auto-alt-ref", "0") if ending == "webm" else ()
    reference.ffmpeg(*PICTURE, "-vf", f"format={pixels}", "-c:v", coder, *clear, path)
    _, num_frames, told = read(path)
    assert num_frames == 25
    assert told == [f"{path}: is transparent in places, which is left out"]


@pytest.mark.parametrize("coder", ["libvpx-vp9", "libvpx"])
def test_a_mark_of_transparency_without_any_is_none(tmp_path: Path, coder: str) -> None:
    path = tmp_path / "opaque.webm"
    reference.ffmpeg(*PICTURE, "-c:v", coder, path)
    data, colour = bytearray(path.read_bytes()), bytes([0x55, 0xB0])
    place = data.index(colour)  # which says nothing here that would be missed
    size = data[place + 2] & 0x7F
    data[place : place + 3 + size] = (
        b"\x53\xc0\x81\x01\xec" + bytes([0x80 | size - 3]) + bytes(size - 3)
    )
    path.write_bytes(data)
    assert "alpha_mode      : 1" in reference.description(path)
    _, num_frames, told = read(path)
    assert (num_frames, told) == (25, [])


def test_titles_are_no_lines_of_the_log(tmp_path: Path) -> None:
    title = (
        "#frame 0 1/25\nw:1 h:1 fmt:gray -> w:1 h:1 fmt:gray sar:1/1\n[info]   Duration: 9:9:9.9"
    )
    path = tmp_path / "titled.mkv"
    reference.ffmpeg(*PICTURE, "-metadata", f"title={title}", path)
    source, num_frames, told = read(path)
    assert (source.info.width, num_frames, told) == (64, 25, [])
    assert source.info.contents is not None
    assert source.info.contents.tags["title"] == title
    assert source.info.duration_s == pytest.approx(1)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_what_lies_outside_the_clean_aperture_is_not_shown(tmp_path: Path, ending: str) -> None:
    path, clip = tmp_path / "clip.mp4", tmp_path / f"cropped.{ending}"
    codec = ("-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1")
    reference.ffmpeg(*PICTURE, *codec, path)
    aperture = struct.pack(">8i", 40, 1, 32, 1, 4, 1, -2, 1)  # by its size and its centre
    add_to_entry(path, (40).to_bytes(4) + b"clap" + aperture)
    reference.ffmpeg("-i", path, "-c", "copy", clip)
    with VideoSource(str(clip)) as source:
        image = next(iter(source)).image.astype(int)
    assert image.shape == (32, 40, 3)
    whole = reference.rgb(path, (32, 40), 1)[0]
    assert np.abs(image - whole).mean() < 3


def test_a_slanted_picture_is_read(tmp_path: Path) -> None:
    path = tmp_path / "slanted.mp4"
    reference.ffmpeg(*PICTURE, path)
    data = bytearray(path.read_bytes())
    matrix = (0.7071, 0.7071, 0, -0.7071, 0.7071, 0, 64, 0, 1)
    for number, value in enumerate(matrix):
        unit = 2**30 if number in (2, 5, 8) else 2**16
        struct.pack_into(">i", data, data.find(b"tkhd") + 44 + 4 * number, int(value * unit))
    path.write_bytes(data)
    _, num_frames, told = read(path)
    assert (num_frames, told) == (25, [])


def test_equal_timestamps_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "pairs.mkv"
    pairs = ("-vf", "setpts=floor(N/2)*2/25/TB", "-fps_mode", "passthrough")
    reference.ffmpeg(*PICTURE, *pairs, "-enc_time_base", "1/1000", "-c:v", "ffv1", path)
    _, num_frames, told = read(path)
    assert (num_frames, told) == (25, [])


def test_a_recording_without_its_index_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    reference.ffmpeg(*PICTURE, path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StreamError, match=r"was cut off: its index \(moov\).*may mend it"):
        VideoSource(str(path))


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("share", [0.02, 0.58])
def test_that_a_recording_was_cut_off_is_told(tmp_path: Path, ending: str, share: float) -> None:
    path = tmp_path / f"cut.{ending}"
    in_pieces = ("-movflags", "+frag_keyframe+empty_moov") if ending == "mp4" else ()
    reference.ffmpeg(*PICTURE, "-c:v", "libx264", "-g", "5", *in_pieces, path)
    header = 1300 if ending == "mp4" else 700
    os.truncate(path, max(header, round(share * path.stat().st_size)))
    if share < 0.1:
        with pytest.raises(StreamError, match=r"\(it was cut off\)$"):
            read(path)
        return
    _, num_frames, told = read(path)
    assert 5 < num_frames < 25
    assert told[0].endswith("could be read (it was cut off)")


def test_what_can_be_read_once_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    for name in ("talk.ts", "talk"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(StreamError, match=f"{name}: can be read only once"):
            open_source(str(tmp_path / name))


def test_a_linked_output_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    place, link = tmp_path / "far" / "out.txt", tmp_path / "link.txt"
    place.write_text("old")
    link.symlink_to(place)
    with unfinished(link) as path:
        path.write_text("new")
    assert link.is_symlink()
    assert place.read_text() == "new"
