"""What goes into a video file beside its picture: sound, subtitles, chapters and tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.inputs.films import ENDINGS, PICTURE, SOUND, copied, everything
from tests.session_folder import SessionFolder

pytestmark = pytest.mark.usefixtures("nothing_left_over")


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_container_holds_goes_along(tmp_path: Path, ending: str) -> None:
    clip, path = everything(tmp_path), tmp_path / f"out{ending}"
    told = copied(clip, path)
    text = reference.description(path)
    assert re.search(r"\(eng\): Audio: (?!.*\(default\))", text)
    assert re.search(r"\(spa\): Audio: .*\(default\)", text)
    assert "(ita): Subtitle: " in text
    for kept in ("My=film", "2024-05-06", "Commentary", "First", "Second", "Lens", "One"):
        assert f": {kept}" in text, kept
    assert "start 0.400000, end 1.0" in text
    for secret in ("SECRET", "47.1", "attached pic", "mjpeg"):
        assert secret not in text, secret
    assert told == [f"{path}: without cover picture; location (--keep-location keeps it)"]


MARKS = "default dub original comment karaoke forced hearing_impaired visual_impaired descriptions"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("mark", MARKS.split())
def test_what_tracks_are_for_is_kept_or_told(
    tmp_path: Path, session: SessionFolder, ending: str, mark: str
) -> None:
    def write(clip: Path) -> None:
        (tmp_path / "text.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nHello\n")
        tracks = ("-i", tmp_path / "text.srt", "-map", "0", "-map", "1", "-map", "2")
        flags = ("-disposition:a:0", mark, "-disposition:s:0", mark)
        reference.ffmpeg(*PICTURE, *SOUND, *tracks, "-t", "1", "-c:s", "srt", *flags, clip)

    whole, path = session.made(f"{mark}.mkv", write), tmp_path / f"out{ending}"
    told = " ".join(copied(whole, path))
    words = f"({mark.replace('_', ' ')})"
    before, after = (reference.description(each).splitlines() for each in (whole, path))
    for kind, name in (("Audio", "sound"), ("Subtitle", "subtitles")):
        was, is_there = (
            any(kind in line and words in line for line in lines) for lines in (before, after)
        )
        is_told = re.search(rf"the marks? [\w, ]*{mark.replace('_', ' ')}[\w, ]* of {name}", told)
        assert was == (is_there or is_told is not None), (kind, told)
        assert not (is_there and is_told), kind


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_cover_shows_the_room_and_is_in_no_output(tmp_path: Path, ending: str) -> None:
    clip, path = everything(tmp_path), tmp_path / f"out{ending}"
    cover = (tmp_path / "cover.jpg").read_bytes()
    assert cover in clip.read_bytes()
    copied(clip, path)
    assert b"\xff\xd8\xff" not in path.read_bytes()
    assert cover not in path.read_bytes()


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_location_is_kept_where_it_is_asked_for(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    copied(everything(tmp_path), path, keep_location=True)
    assert re.search(r"location +: \+47.1", reference.description(path), re.IGNORECASE)


@pytest.mark.parametrize("keep_location", [False, True])
def test_text_of_a_drone_says_its_place_where_that_is_asked_for(
    tmp_path: Path, keep_location: bool
) -> None:
    whole, path = tmp_path / "DJI_0001.MP4", tmp_path / "out.mkv"
    (tmp_path / "text.srt").write_text("1\n00:00:00,000 --> 00:00:00,900\nGPS (13.4, 52.5, 15)\n")
    text = ("-i", tmp_path / "text.srt", "-t", "0.2", "-c:s", "mov_text")
    reference.ffmpeg(*PICTURE, *text, "-metadata:s:s:0", "handler_name=\x10DJI.Subtitle", whole)
    told = copied(whole, path, keep_location=keep_location)
    assert (b"GPS (13.4" in path.read_bytes()) == keep_location
    assert (b"DJI.Subtitle" in path.read_bytes()) == keep_location  # by which the next run knows it
    line = "without subtitles (mov_text) with the drone's places (--keep-location keeps them)"
    assert told == ([] if keep_location else [f"{path}: {line}"])


def test_what_is_cut_short_loses_what_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    copied(everything(tmp_path), path, until=5)
    text = reference.description(path)
    assert "First" in text
    assert "Second" not in text
    assert "end 0.2" in text


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
@pytest.mark.parametrize("layout", ["5.1(side)", "quad", "2.1", "3.0", "4.0", "hexadecagonal"])
def test_layouts_that_an_encoder_lacks_are_mixed(tmp_path: Path, layout: str, ending: str) -> None:
    clip, path = tmp_path / "clip.mkv", tmp_path / f"out{ending}"
    sound = ("-f", "lavfi", "-i", f"sine=duration=1,aformat=channel_layouts={layout}")
    reference.ffmpeg(*PICTURE, *sound, "-c:a", "pcm_s16le", clip)
    told = "sound (pcm_s16le): its 16 channels become 8; .mov or .mkv keeps them"
    assert copied(clip, path) == ([f"{path}: {told}"] if layout == "hexadecagonal" else [])
    assert reference.sound_packets_s(path)[-1][1] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
@pytest.mark.parametrize(("layout", "num_channels"), [("2.1", 3), ("5.1.4", 10)])
def test_no_channel_is_silent_that_had_a_sound(
    tmp_path: Path, layout: str, num_channels: int, ending: str
) -> None:
    clip, path = tmp_path / "clip.mkv", tmp_path / f"out{ending}"
    pitches = [60 + 20 * number for number in range(num_channels)]  # of one second: lines of it
    tones = "|".join(f"0.1*sin(2*PI*{pitch}*t)" for pitch in pitches)
    sound = ("-f", "lavfi", "-i", f"aevalsrc={tones}:s=48000:d=1:c={layout}")
    reference.ffmpeg(*PICTURE, *sound, "-c:a", "pcm_s16le", clip)
    told = "sound (pcm_s16le): its 10 channels become 8; .mov or .mkv keeps them"
    assert copied(clip, path) == ([f"{path}: {told}"] if num_channels > 8 else [])
    raw = reference.ffmpeg("-i", path, "-map", "0:a", "-f", "f32le", "-")
    num_kept = 8 if num_channels > 8 else 6
    kept = np.frombuffer(raw, "<f4").reshape(-1, num_kept)[:48000]
    heard = np.abs(np.fft.rfft(kept, axis=0)).max(axis=1) / 24000
    assert heard[pitches].min() > 0.04


def _without_packets(clip: Path, path: Path, pid: int) -> None:
    """Copy an MPEG-TS but for the packets of one PID."""
    data = clip.read_bytes()
    packets = (data[at : at + 188] for at in range(0, len(data), 188))
    path.write_bytes(b"".join(p for p in packets if (p[1] & 31) << 8 | p[2] != pid))


def test_sound_that_is_announced_and_never_comes(tmp_path: Path) -> None:
    whole, clip, path = tmp_path / "whole.ts", tmp_path / "silent.ts", tmp_path / "out.mp4"
    reference.ffmpeg(*PICTURE, *SOUND, "-c:a", "aac", whole)
    _without_packets(whole, clip, 0x101)
    assert copied(clip, path) == [f"{path}: without sound (aac), which never comes"]
    assert len(reference.picture_packets_s(path)) == 25


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_sound_of_which_a_file_holds_nothing(tmp_path: Path, codec: str) -> None:
    whole, clip, path = tmp_path / "whole.mkv", tmp_path / "empty.mkv", tmp_path / "out.mp4"
    reference.ffmpeg(*PICTURE, *SOUND, "-c:a", codec, whole)
    reference.ffmpeg("-i", whole, "-c", "copy", "-bsf:a", "noise=drop=1", clip)
    assert copied(clip, path) == [f"{path}: without sound ({codec}), which never comes"]
    assert len(reference.picture_packets_s(path)) == 25


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        *((".mov", f"pcm_{kind}") for kind in ("u8", "s24le", "s32be", "f32le", "f64be", "mulaw")),
        *((".mkv", f"pcm_{kind}") for kind in ("u8", "s16be", "s24be", "s32le", "f32le", "f64le")),
        *((".mkv", codec) for codec in ("tta", "wavpack", "alac", "dts")),
    ],
)
def test_sound_without_loss_stays_so(tmp_path: Path, ending: str, codec: str) -> None:
    clip, path = tmp_path / f"clip{ending}", tmp_path / f"out{ending}"
    coder = "dca" if codec == "dts" else codec
    sound = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000")
    reference.ffmpeg(*PICTURE, *sound, "-strict", "-2", "-c:a", coder, clip)
    assert f"Audio: {codec}" in reference.description(clip)
    assert copied(clip, path) == []
    assert f"Audio: {codec}" in reference.description(path)
    assert reference.sound_packets_s(path)[-1][1] == pytest.approx(1, abs=0.1)


def _with_damaged_sound(clip: Path, path: Path, pid: int) -> None:
    """Copy an MPEG-TS; every second packet of one PID holds something else."""
    data = clip.read_bytes()
    packets = [bytearray(data[at : at + 188]) for at in range(0, len(data), 188)]
    damage = np.random.default_rng(2)
    for packet in [p for p in packets if (p[1] & 31) << 8 | p[2] == pid][4::2]:
        packet[40:] = damage.bytes(148)
    path.write_bytes(b"".join(packets))


@pytest.mark.parametrize("codec", ["ac3", "eac3", "aac", "mp2", "libopus"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_sound_costs_no_picture(tmp_path: Path, ending: str, codec: str) -> None:
    whole, clip, path = tmp_path / "whole.ts", tmp_path / "clip.ts", tmp_path / f"out{ending}"
    reference.ffmpeg(*PICTURE, *SOUND, "-c:a", codec, whole)
    _with_damaged_sound(whole, clip, 0x101)
    copied(clip, path)
    assert len(reference.picture_packets_s(path)) == 25
    assert reference.sound_packets_s(path)


@pytest.mark.parametrize("codec", ["ac3", "eac3", "aac", "libopus", "flac", "libmp3lame"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_packets_of_sound_cost_no_picture(tmp_path: Path, ending: str, codec: str) -> None:
    whole, clip, path = tmp_path / "whole.mkv", tmp_path / "clip.mkv", tmp_path / f"out{ending}"
    reference.ffmpeg(*PICTURE, *SOUND, "-c:a", codec, whole)
    share = 5 if "ac3" in codec else 50  # one byte of so many, also of the heads of AC-3
    reference.ffmpeg("-i", whole, "-c", "copy", "-bsf:a", f"noise=amount={share}", clip)
    told = copied(clip, path)
    assert len(reference.picture_packets_s(path)) == 25
    assert reference.sound_packets_s(path)
    is_anew = "ac3" in codec and ending in (".mp4", ".mov")
    assert (f"{path}: sound ({codec}) is damaged, and is encoded anew" in told) == is_anew


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
def test_sound_of_which_most_is_damaged_is_not_dropped_without_a_word(
    tmp_path: Path, codec: str
) -> None:
    whole, clip, path = tmp_path / "whole.mkv", tmp_path / "clip.mkv", tmp_path / "out.mp4"
    reference.ffmpeg(*PICTURE, *SOUND, "-c:a", codec, whole)
    reference.ffmpeg("-i", whole, "-c", "copy", "-bsf:a", "noise=amount=1", clip)
    told = copied(clip, path)
    assert len(reference.picture_packets_s(path)) == 25
    assert any(line.startswith(f"{path}: ") and f"({codec})" in line for line in told)


def with_spatial_sound(folder: Path) -> Path:
    """A clip whose second track of sound is of a kind that nothing here decodes."""
    path = folder / "spatial.mov"
    reference.ffmpeg(
        *(*PICTURE, *SOUND, "-map", "0", "-map", "1", "-map", "1", "-c:a", "aac", path)
    )
    data = bytearray(path.read_bytes())
    at = data.rfind(b"stsd", 0, data.rfind(b"mp4a"))
    for old, new in ((b"mp4a", b"apac"), (b"esds", b"dapa")):
        place = data.find(old, at)
        data[place : place + 4] = new
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_sound_that_cannot_be_decoded_costs_nothing_else(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    (line,) = copied(with_spatial_sound(tmp_path), path)
    assert re.fullmatch(r".*: without sound \(.*apac\), which cannot be decoded", line)
    assert reference.description(path).count(": Audio: ") == 1
    assert len(reference.picture_packets_s(path)) == 25


def test_bitmap_subtitles_are_named_where_they_cannot_go(tmp_path: Path) -> None:
    clip, path = tmp_path / "clip.mkv", tmp_path / "out.mp4"
    _write_bitmap_subtitles(tmp_path / "b.sup")
    reference.ffmpeg(*PICTURE, "-i", tmp_path / "b.sup", "-c:s", "copy", clip)
    assert copied(clip, path) == [f"{path}: without subtitles (hdmv_pgs_subtitle)"]
    assert "Subtitle" not in reference.description(path)
    assert copied(clip, tmp_path / "out.mkv") == []
    assert "hdmv_pgs_subtitle" in reference.description(tmp_path / "out.mkv")


def _write_bitmap_subtitles(path: Path) -> None:
    """Write a Blu-ray's subtitles: a picture that shows nothing."""
    screen = bytes.fromhex("0040 0030 10 0000 80 00 00 00".replace(" ", ""))
    segments = [(0x16, screen), (0x80, b"")]
    parts = [
        b"PG"
        + (9000).to_bytes(4, "big")
        + bytes(4)
        + bytes([kind])
        + len(body).to_bytes(2, "big")
        + body
        for kind, body in segments
    ]
    path.write_bytes(b"".join(parts))


def test_timecode_is_named(tmp_path: Path) -> None:
    clip, path = tmp_path / "clip.mov", tmp_path / "out.mp4"
    reference.ffmpeg(*PICTURE, "-timecode", "01:00:00:00", clip)
    assert copied(clip, path) == [f"{path}: without timecode"]


@pytest.mark.parametrize(("ending", "start_s"), [("ts", 1.4), ("vob", 0.5), ("mkv", 26.5)])
def test_an_output_begins_at_zero_whatever_the_clock(
    tmp_path: Path, ending: str, start_s: float
) -> None:
    clip, path = tmp_path / f"clip.{ending}", tmp_path / "out.mp4"
    offset = ("-output_ts_offset", "26.5") if ending == "mkv" else ()
    late = ("-itsoffset", "0.2")
    reference.ffmpeg(*SOUND, *late, *PICTURE, "-map", "1", "-map", "0", *offset, clip)
    before = reference.picture_times_s(clip)[0] - reference.sound_packets_s(clip)[0][0]
    assert reference.sound_packets_s(clip)[0][0] > start_s - 0.3
    copied(clip, path)
    picture_s, sound_s = reference.picture_times_s(path)[0], reference.sound_packets_s(path)[0][0]
    assert min(picture_s, sound_s) == pytest.approx(0, abs=0.03)
    assert picture_s - sound_s == pytest.approx(before, abs=0.03)
    with VideoSource(str(clip)) as source:
        assert source.info.duration_s == pytest.approx(1.2, abs=0.25)


def test_a_late_picture_loses_no_sound(tmp_path: Path) -> None:
    clip, path = tmp_path / "clip.mkv", tmp_path / "out.mp4"
    sound = ("-f", "lavfi", "-i", "sine=duration=13")
    reference.ffmpeg(*sound, "-itsoffset", "12", *PICTURE, "-map", "1", "-map", "0", clip)
    copied(clip, path)
    packets = reference.sound_packets_s(path)
    assert packets[-1][1] - packets[0][0] > 12.9
    assert reference.picture_times_s(path)[0] == pytest.approx(12, abs=0.01)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
@pytest.mark.parametrize("lasts_s", [0.2, 2.0])
def test_the_last_frame_lasts_as_long_as_in_the_source(
    tmp_path: Path, ending: str, preset: str, lasts_s: float
) -> None:
    """The faster preset of H.264 has no packets in another order than the frames."""
    clip, path = tmp_path / "clip.mp4", tmp_path / f"out{ending}"
    reference.ffmpeg(
        *(*PICTURE, "-c:v", "libx264", "-bf", "0"),
        *("-bsf:v", f"setts=duration=if(eq(N\\,24)\\,{lasts_s}/TB\\,DURATION)", clip),
    )
    copied(clip, path, preset=preset)
    assert _length_s(path) == pytest.approx(_length_s(clip), abs=0.02)
    assert _length_s(path) == pytest.approx(0.96 + lasts_s, abs=0.02)
    times = [index / 25 for index in range(25)]
    assert reference.picture_times_s(path) == pytest.approx(times, abs=0.001)


def _length_s(path: Path) -> float:
    match = re.search(r"Duration: (\d+):(\d+):([\d.]+)", reference.description(path))
    assert match is not None
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


def joined(folder: Path, lengths_s: Sequence[tuple[float, float]]) -> Path:
    """Recordings one after the other in one file, each with a clock that starts over."""
    data = b""
    for picture_s, sound_s in lengths_s:
        picture = ("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=25:duration={picture_s}")
        sound = ("-f", "lavfi", "-i", f"sine=duration={sound_s}")
        reference.ffmpeg(*picture, *sound, "-c:v", "libx264", "-c:a", "aac", folder / "part.ts")
        data += (folder / "part.ts").read_bytes()
    path = folder / "joined.ts"
    path.write_bytes(data)
    return path


def test_joined_recordings_stay_whole_and_together(tmp_path: Path) -> None:
    clip, path = joined(tmp_path, [(1.0, 1.3)] * 4), tmp_path / "out.mp4"
    assert copied(clip, path) == []
    assert len(reference.picture_packets_s(path)) == 100
    picture_s, sound_s = reference.picture_times_s(path), reference.sound_packets_s(path)
    # the picture, which is shorter in each part, waits for the sound
    assert picture_s[-1] - picture_s[0] == pytest.approx(3 * 1.33 + 0.96, abs=0.1)
    assert sound_s[-1][1] == pytest.approx(picture_s[-1] + 0.04 + 0.3, abs=0.15)
