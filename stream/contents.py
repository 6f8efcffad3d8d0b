"""What a file holds beside the picture that is masked, as far as an output may hold it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: A part of what a text of a drone calls itself: those of DJI say each second where it is.
TEXT_OF_DRONE = "DJI.Subtitle"


@dataclass(frozen=True, slots=True)
class Track:
    """One track of a file.

    Attributes:
        index: its place among all tracks of the file, from 0.
        codec: in ffmpeg's name: "aac", "subrip".
        language: code of three letters, as "deu", "" where the file names none.
        title: "" without.
        flags: what it is for, in ffmpeg's names: "default", "forced", "hearing_impaired".
        layout: of its loudspeakers, in ffmpeg's name: "5.1(side)"; "" where there are none.
        says_place: it is a drone's text, which says where it flew.
        is_known: the file says enough of it to copy it; what only announces sound does not.
    """

    index: int
    codec: str
    language: str = ""
    title: str = ""
    flags: frozenset[str] = frozenset()
    is_known: bool = True
    layout: str = ""
    says_place: bool = False

    def __str__(self) -> str:
        """Name it for people."""
        return ", ".join(part for part in (self.language, self.title, self.codec) if part)


@dataclass(frozen=True, slots=True)
class Chapter:
    """From when to when a chapter goes, in seconds from the start of the file, and its title."""

    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes with a video into an output, and what never does.

    Attributes:
        address: of the file or stream, from which tracks are copied.
        picture: the track whose frames are masked.
        sound: its tracks, in order.
        subtitles: likewise.
        chapters: in order.
        tags: title, date and camera, by the names in `stream.ffmpeg.tags`.
        location: where it was recorded, as the file writes it, "" where it does not.
        others: in words, what no output holds: data, attached pictures, marks for glasses.
        start_s: what its clock shows at its start, which is time 0 of frames and chapters.
        is_joined: its clock may start over in the middle; ffmpeg mends it as it reads, for which it
            needs to see picture and sound.
        is_playlist: it is one of HLS, whatever its address ends with.
    """

    address: str
    picture: Track
    sound: tuple[Track, ...] = ()
    subtitles: tuple[Track, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    location: str = ""
    others: tuple[str, ...] = ()
    start_s: float = 0.0
    is_joined: bool = False
    is_playlist: bool = False

    @property
    def clock_tracks(self) -> list[int]:
        """Indices of what ffmpeg must read, wherever it mends the clock, to mend it alike."""
        others = (track.index for track in (*self.sound, *self.subtitles) if track.is_known)
        return [self.picture.index, *others]
