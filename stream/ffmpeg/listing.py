"""What ffmpeg lists of an input before it reads it: tracks, tags, chapters, times.

It stands in the log at level `info`. What a file says of itself can look like anything, so that a
line counts for what it begins with and how far it is indented.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_INPUT = re.compile(r"\[info\] Input #0, (\w+)")
_TIMES = re.compile(r"\[info\]   Duration: (?:N/A|(\d+):(\d+):(\d+\.\d+))(?:, start: (-?[\d.]+))?")
_PROGRAM = re.compile(r"\[info\]   Program (\d+)")
_NO_PROGRAM = "[info]   No Program"
_CHAPTER = re.compile(r"\[info\]     Chapter #\S+ start (-?[\d.]+), end (-?[\d.]+)")
# in a group it is indented further
_STREAM = re.compile(
    r"\[info\] {3,7}Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\(([\w-]+)\))?: (\w+): (.*?)"
    r"((?: \([a-z ]+\))*)$"
)
_SECTION = re.compile(r"\[info\] ( +)(Metadata|Side data):$")
_ENTRY = re.compile(r"\[info\] ( +)(\S.*?) *:(?: (.*))?$")
_CONTINUED = re.compile(r" +: (.*)$")
_FLAG = re.compile(r"\(([a-z ]+)\)")
_SIZE = re.compile(r", (\d+)x(\d+)\b")
#: How ffmpeg says that the lines of a frame belong to two moments.
_INTERLACED = re.compile(r"\((?:[^()]*, )?(?:top|bottom) (?:first|coded first \(swapped\))[,)]")
#: Those that are, also where a container does not say so.
_INTERLACED_CODECS = ("dvvideo",)
#: Pixels that may be transparent.
_HAS_ALPHA = re.compile(r", (?:yuva|rgba|bgra|argb|abgr|gbrap|ya)\w*[(,]")
_END = ("[info] Stream mapping", "[info] Output #")
#: Containers whose length counts from 0, wherever what they hold begins.
_FROM_ZERO = ("matroska", "mov")


@dataclass(slots=True)
class Stream:
    """One track as it is listed.

    Attributes:
        index: among all of the input.
        kind: "Video", "Audio", "Subtitle", "Data" or "Attachment".
        codec: in ffmpeg's name.
        details: the rest of what is said of it.
        language: "" where none is named.
        flags: in ffmpeg's names, as "hearing_impaired".
        programs: of a broadcast, in which it is.
        tags: names in small letters.
        side_data: what is said of it, by names in small letters.
    """

    index: int
    kind: str
    codec: str
    details: str
    language: str
    flags: frozenset[str]
    programs: set[int] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    side_data: dict[str, str] = field(default_factory=dict)

    @property
    def area(self) -> int:
        """Pixels of its picture, 0 where that is unknown."""
        size = _SIZE.search(self.details)
        return int(size[1]) * int(size[2]) if size else 0

    @property
    def size(self) -> str:
        """The same for people: "640x480"."""
        size = _SIZE.search(self.details)
        return f"{size[1]}x{size[2]}" if size else "of unknown size"

    @property
    def is_interlaced(self) -> bool:
        """Whether its frames are said to be of two moments each."""
        return self.codec in _INTERLACED_CODECS or _INTERLACED.search(self.details) is not None

    @property
    def has_alpha(self) -> bool:
        """Whether its pixels may be transparent."""
        # what browsers record has the mark of a stream of alpha beside them, and no such stream
        return _HAS_ALPHA.search(self.details) is not None

    @property
    def is_attached(self) -> bool:
        """Whether it is a picture that hangs on the file."""
        return "attached_pic" in self.flags

    @property
    def is_cover(self) -> bool:
        """Whether it is no video but pictures about it."""
        return self.is_attached or "timed_thumbnails" in self.flags


@dataclass(slots=True)
class Listing:
    """An input.

    Attributes:
        container: ffmpeg's name, of several the first: "mov", "hls"; "" where it was not opened.
        duration_s: from its start to the end of the longest stream, `None` where it announces none.
        start_s: what its clock shows at the start, `None` where that is unknown.
        streams: in order.
        tags: names in small letters.
        chapters: start and end on its clock in seconds, and title.
    """

    container: str = ""
    duration_s: float | None = None
    start_s: float | None = None
    streams: list[Stream] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    chapters: list[tuple[float, float, dict[str, str]]] = field(default_factory=list)

    @property
    def picture(self) -> Stream | None:
        """The video that is meant: marked as default, else the largest; `None` without one."""
        videos = self.videos
        if self.container in ("hls", "dash"):  # where each is the same at another size
            return videos[0] if videos else None
        return max(videos, key=lambda video: ("default" in video.flags, video.area), default=None)

    @property
    def videos(self) -> list[Stream]:
        """All videos; stills only where there is nothing else."""
        videos = [s for s in self.streams if s.kind == "Video" and not s.is_cover]
        return [s for s in videos if "still_image" not in s.flags] or videos


def listing_of(lines: Sequence[str]) -> Listing:
    """Read the log of a process at level `verbose`."""
    reader = _Reader()
    for line in lines:
        if line.startswith(_END):
            break
        reader.take(line)
    listing = reader.listing
    if listing.container in _FROM_ZERO and listing.duration_s and listing.start_s:
        listing.duration_s -= max(0.0, listing.start_s)
    return listing


class _Reader:
    """Takes lines, and knows whose tags come next."""

    def __init__(self) -> None:
        self.listing = Listing()
        self._program: int | None = None
        self._tags: dict[str, str] = self.listing.tags  # of what was listed last
        self._side_data: dict[str, str] = {}
        self._indent: int | None = None  # of the entries of a section
        self._is_side_data = False
        self._key = ""

    def take(self, line: str) -> None:
        """Take the next one."""
        if not self.listing.container:
            if match := _INPUT.match(line):
                self.listing.container = match[1]
        elif not line.startswith("[info]  "):
            self._continue(line)
        elif not (self._take_entry(line) or self._take_section(line)):
            self._indent = None
            self._take_part(line)

    def _take_section(self, line: str) -> bool:
        match = _SECTION.match(line)
        if match:
            self._indent, self._is_side_data = len(match[1]) + 2, match[2] != "Metadata"
        return match is not None

    def _take_entry(self, line: str) -> bool:
        match = _ENTRY.match(line)
        if match is None or len(match[1]) != self._indent:
            return False
        self._key = match[2].lower()
        if self._is_side_data:
            self._side_data[self._key] = match[3] or ""
        else:
            self._tags[self._key] = match[3] or ""
        return True

    def _continue(self, line: str) -> None:
        """Take a further line of a tag's text."""
        match = _CONTINUED.match(line)
        if match and self._key in self._tags and not self._is_side_data:
            self._tags[self._key] += f"\n{match[1]}"

    def _take_part(self, line: str) -> None:
        if match := _TIMES.match(line):
            self._take_times(match)
        elif match := _PROGRAM.match(line):
            self._program, self._tags = int(match[1]), {}
        elif line.startswith(_NO_PROGRAM):
            self._program = None
        elif match := _CHAPTER.match(line):
            self._tags = {}
            self.listing.chapters.append((float(match[1]), float(match[2]), self._tags))
        elif match := _STREAM.match(line):
            self._take_stream(match)

    def _take_times(self, match: re.Match[str]) -> None:
        hours, minutes, seconds, start = match.groups()
        if seconds is not None:
            self.listing.duration_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        if start is not None:
            self.listing.start_s = float(start)

    def _take_stream(self, match: re.Match[str]) -> None:
        index, language, kind, details, flags = match.groups()
        known = {stream.index: stream for stream in self.listing.streams}
        stream = known.get(int(index))  # one that is in several programs is listed in each
        if stream is None:
            named = frozenset(flag.replace(" ", "_") for flag in _FLAG.findall(flags))
            codec = re.split(r"\W", details, maxsplit=1)[0]
            language = "" if language in (None, "und") else language
            stream = Stream(int(index), kind, codec, details, language, named)
            self.listing.streams.append(stream)
            self.listing.streams.sort(key=lambda each: each.index)
        if self._program is not None:
            stream.programs.add(self._program)
        self._tags, self._side_data = stream.tags, stream.side_data
