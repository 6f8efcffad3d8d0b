"""Parts of a film: the frames that they hold, and the file that they become."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stream.batch.jobs.job import Edges
from stream.batch.jobs.section import Section
from stream.batch.workers.joining import WrittenPart, join, why_apart
from stream.batch.workers.part_sink import PartSink
from stream.batch.workers.section_source import SectionSource
from stream.errors import StreamError
from stream.frame import Output, OutputInfo, StreamInfo
from stream.sinks import SinkOptions
from stream.sinks.video import VideoSink
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.inputs.irregular_film import write_film

CUTS = (0.0, 0.9, 1.87, 3.1)


def sections() -> list[Section]:
    return [Section(*pair) for pair in pairwise(CUTS)] + [Section(CUTS[-1])]


@pytest.fixture(params=[".mp4", ".mkv"])
def film(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return write_film(tmp_path / f"the film's{request.param}")


def written_parts(film: Path, around_s: float = 0.5, codec: str = "h264") -> list[WrittenPart]:
    parts = []
    for number, section in enumerate(sections()):
        path = film.with_name(f"part {number}'.mp4")
        options = SinkOptions(preset="veryfast", codec=codec)
        with (
            SectionSource(film, section, around_s) as source,
            PartSink(path, section, OutputInfo(source.info), options) as sink,
        ):
            for frame in source:
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
        parts.append(WrittenPart(path, sink.edges, sink.num_frames))
    return parts


def test_sections_have_the_frames_of_the_film_at_their_times(film):
    with VideoSource(str(film)) as source:
        whole = list(source)
    frames = []
    for section in sections():
        with SectionSource(film, section, 0.5) as part:
            seen = list(part)
        frames += [frame for frame in seen if frame.time_s in section]
        if section.from_s:
            assert seen[0].time_s < section.from_s
        if section.until_s is not None:
            assert section.until_s <= seen[-1].time_s < section.until_s + 0.5
        assert part.num_errors == 0
    assert [frame.time_s for frame in frames] == [frame.time_s for frame in whole]
    for one, other in zip(frames, whole, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
    assert frames[-1].lasts_s == pytest.approx(whole[-1].lasts_s)


def whole_of(film: Path, path: Path, codec: str = "h264") -> StreamInfo:
    with VideoSource(str(film)) as source:
        options = SinkOptions(preset="veryfast", codec=codec)
        with VideoSink(path, OutputInfo(source.info), options) as sink:
            for frame in source:
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
        return source.info


@pytest.mark.parametrize(
    ("ending", "codec"), [(".mp4", "h264"), (".mov", "h264"), (".mkv", "h264"), (".webm", "vp9")]
)
def test_what_is_joined_has_all_times_and_all_that_goes_beside(film, ending, codec):
    info = whole_of(film, film.with_name(f"whole{ending}"), codec)
    joined, told = film.with_name(f"joined{ending}"), list[str]()
    parts = written_parts(film, codec=codec)
    options = SinkOptions(codec=codec, on_message=told.append)
    num_frames = join(joined, parts, info, options)
    whole = joined.with_name(f"whole{ending}")
    assert num_frames == len(reference.picture_packets_s(whole))
    assert reference.picture_packets_s(joined) == reference.picture_packets_s(whole)
    assert reference.picture_times_s(joined) == reference.picture_times_s(whole)
    assert reference.sound_packets_s(joined) == reference.sound_packets_s(whole)
    lines = [reference.description(path).splitlines() for path in (joined, whole)]
    kept = [[re.sub(", bitrate.*", "", line) for line in each if told_of(line)] for each in lines]
    assert kept[0] == kept[1]
    assert any("Chapter" in line for line in kept[0])
    assert told == []


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "h264"), (".webm", "vp9")])
def test_what_is_written_ends_when_the_film_does(tmp_path, ending, codec):
    film, joined = tmp_path / "film.mkv", tmp_path / f"joined{ending}"
    irregular = "select=not(eq(mod(n\\,7)\\,3)),setpts=PTS+0.011*mod(N\\,3)/TB"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=4", "-vf", irregular),
        *("-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-bf", "3"),
        *("-frames:v", "64", "-c:v", "libx264", film),
    )
    whole = tmp_path / f"whole{ending}"
    info = whole_of(film, whole, codec)
    join(joined, written_parts(film, codec=codec), info, SinkOptions(codec=codec))
    ends = [length_s(path) for path in (film, whole, joined)]
    assert ends[1:] == pytest.approx([ends[0]] * 2, abs=0.011)


def length_s(path: Path) -> float:
    """Return how long a file of less than a minute is, as its container says."""
    match = re.search(r"Duration: 00:00:([\d.]+)", reference.description(path))
    assert match is not None
    return float(match[1])


def told_of(line: str) -> bool:
    """Whether a line of ffmpeg says what is in a file beside the picture."""
    return any(word in line for word in ("title", "Chapter", "Audio", "Subtitle", "Duration: 00"))


def test_pictures_are_those_of_the_film(film):
    joined = film.with_name("joined.mp4")
    with VideoSource(str(film)) as source:
        info = source.info
    join(joined, written_parts(film), info, SinkOptions())
    num = len(reference.picture_times_s(film))
    one, other = (reference.rgb(path, (48, 64), num).astype(int) for path in (film, joined))
    assert np.abs(one - other).mean(axis=(1, 2, 3)).max() < 6


def test_a_long_still_is_a_part_without_frames(tmp_path):
    film = tmp_path / "still.mp4"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=4", "-fps_mode"),
        *("passthrough", "-vf", "select=lt(t\\,0.5)+gt(t\\,3.3)", "-c:v", "libx264", film),
    )
    parts = written_parts(film)
    assert [part.num_frames > 0 for part in parts] == [True, False, False, True]
    info = whole_of(film, tmp_path / "whole.mp4")
    joined = tmp_path / "joined.mp4"
    join(joined, parts, info, SinkOptions())
    assert why_apart(parts) is None
    assert reference.picture_packets_s(joined) == reference.picture_packets_s(film)


def part(before_s, first_s, last_s, after_s) -> WrittenPart:
    return WrittenPart(Path(), Edges(before_s, first_s, last_s, after_s), int(first_s is not None))


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([part(None, 0.0, 0.9, 1.0), part(0.9, 1.0, 2.0, None)], None),
        ([part(None, 0.0, 0.9, None), part(None, None, None, None), part(None, 5, 6, None)], None),
        ([part(None, 0.0, 0.9, 1.0), part(0.9, 1.1, 2.0, None)], "around 1.000 s"),
        ([part(None, 0.0, 0.9, 1.0), part(0.8, 1.0, 2.0, None)], "around 0.800 s"),
        ([part(None, None, None, None)], "nothing"),
    ],
)
def test_parts_must_follow_each_other(parts, why):
    found = why_apart(parts)
    assert found is None if why is None else why in found


def test_what_cannot_be_joined_is_an_error_and_leaves_nothing(film):
    parts = written_parts(film)
    with VideoSource(str(film)) as source:
        info = source.info
    shorter = [replace(parts[0], num_frames=parts[0].num_frames + 1), *parts[1:]]
    with pytest.raises(StreamError, match="frames could be joined"):
        join(film.with_name("joined.mp4"), shorter, info, SinkOptions())
    assert not list(film.parent.glob("*joined*"))
