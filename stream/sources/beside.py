"""What a file holds beside the picture that is shown, sorted by what may become of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from stream.contents import TEXT_OF_DRONE, Chapter, Contents, Track
from stream.ffmpeg.listing import Listing, Stream
from stream.ffmpeg.tags import kept_tags, location_of

#: Containers whose clock may start over in the middle, and begin anywhere: recordings that were
#: joined, broadcasts.
JOINED = ("mpegts", "mpeg", "hls")
#: What a track is for; what else ffmpeg lists is of pictures.
_FLAGS = frozenset(
    "default dub original comment lyrics karaoke forced hearing_impaired visual_impaired "
    "clean_effects descriptions".split()
)
_MARKS = {"stereo 3d": "stereo mark", "stereo3d": "stereo mark", "spherical mapping": "360° mark"}
#: By a part of what ffmpeg says of a frame, what no output has.
_OF_FRAMES = {
    "closed captions": "captions inside the picture (EIA-608/708)",
    "hdr10+": "HDR10+ (what it says of each scene)",
}
_LAYOUT = re.compile(r"\b\d+ Hz, ([^,]+)")
_TAG_OF_CODEC = re.compile(r"\((\w{4}) /")
#: A start so close to 0 is the place of a picture in its file, and no clock that began elsewhere.
_CLOSE_S = 0.1


def contents_of(
    address: str, listing: Listing, picture: Stream, side_data: Sequence[str] = ()
) -> Contents:
    """Return what goes with a picture.

    Of a broadcast of several programs it is what is in that of the picture.

    Args:
        address: that was listed.
        listing: of it.
        picture: one of its streams.
        side_data: of the first of its frames, see `VideoHeader`.
    """
    start_s = start_of(listing)
    streams = [s for s in listing.streams if _is_of_program(s, picture)]
    return Contents(
        address,
        _track(picture),
        sound=tuple(_track(s) for s in streams if s.kind == "Audio"),
        subtitles=tuple(_track(s) for s in streams if s.kind == "Subtitle"),
        chapters=tuple(
            Chapter(first_s - start_s, end_s - start_s, tags.get("title", ""))
            for first_s, end_s, tags in listing.chapters
        ),
        tags=kept_tags(listing.tags),
        location=location_of(listing.tags),
        others=(
            *_others(streams, picture, has_chapters=bool(listing.chapters)),
            *(name for part, name in _OF_FRAMES.items() if any(part in of for of in side_data)),
        ),
        start_s=start_s,
        is_joined=listing.container in JOINED,
        is_playlist=listing.container == "hls",
    )


def start_of(listing: Listing) -> float:
    """Return what the clock of a file shows where the time of its frames is 0."""
    start_s = listing.start_s or 0.0
    return start_s if listing.container in JOINED or start_s > _CLOSE_S else 0.0


def _is_of_program(stream: Stream, picture: Stream) -> bool:
    return not (stream.programs and picture.programs) or bool(stream.programs & picture.programs)


def _track(stream: Stream) -> Track:
    title = stream.tags.get("title") or stream.tags.get("name", "")
    is_known = stream.codec not in ("none", "unknown")
    if stream.kind == "Audio":
        has_rate = re.search(r"\b[1-9]\d* Hz", stream.details) is not None
        is_known = is_known and has_rate and ", 0 channels" not in stream.details
    layout = _LAYOUT.search(stream.details) if stream.kind == "Audio" else None
    return Track(
        stream.index,
        stream.codec,
        stream.language,
        title,
        stream.flags & _FLAGS,
        is_known,
        layout[1] if layout else "",
        says_place=TEXT_OF_DRONE in stream.tags.get("handler_name", ""),
    )


def _others(streams: list[Stream], picture: Stream, *, has_chapters: bool) -> tuple[str, ...]:
    names = Counter(
        _name(stream)
        for stream in streams
        if stream.kind in ("Data", "Attachment") or stream.is_cover
        # the titles of chapters in an MP4
        if not (has_chapters and "(text /" in stream.details)
    )
    names.update({_MARKS[name]: 1 for name in picture.side_data if name in _MARKS})
    return tuple(f"{name} ({num} times)" if num > 1 else name for name, num in names.items())


def _name(stream: Stream) -> str:
    if stream.is_cover:
        return "cover picture"
    if stream.kind == "Attachment":
        return f"attached file {stream.tags.get('filename', '')}".strip()
    tag = _TAG_OF_CODEC.search(stream.details)
    return "timecode" if tag and tag[1] == "tmcd" else f"data ({tag[1] if tag else stream.codec})"
