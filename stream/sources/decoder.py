"""One ffmpeg that decodes a file, a network address or the screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture, RgbPicture
from stream.colour.deep_picture import DeepCoding, DeepPicture, num_deep_bytes
from stream.colour.light import Light, light_of
from stream.ffmpeg.header import VideoHeader, unknown_matrix, video_header
from stream.ffmpeg.inputs import input_options, is_network_address
from stream.ffmpeg.listing import Listing, Stream, listing_of
from stream.ffmpeg.screen import is_screen_address, screen_filter, why_no_screen
from stream.ffmpeg.sound import NOWHERE
from stream.ffmpeg.timestamped_output import (
    END_OPTIONS,
    PRINT_FIELDS,
    PRINT_FIRST,
    PRINT_SHAPES,
    RISING_OPTIONS,
    TIMESTAMP_OPTIONS,
    Shape,
    Timestamp,
    TimestampedOutput,
)
from stream.sources.pixels import (
    AS_DECODED,
    AS_RGB,
    conversion_of,
    deep_coding,
    eight_bit_coding,
    with_listed_colours,
)
from stream.yuv420 import YuvCoding, YuvPicture, num_bytes

#: What ffmpeg says, maybe among much else, where the end of a file is missing.
_CUT_OFF = ("partial file", "File ended prematurely", "samples the input can hold")
_NO_INDEX = "was cut off: its index (moov), which is written last, is missing"
#: What films that were bought are coded as.
_PROTECTED = ("drmi", "encv")
#: What ffmpeg says of a codec that it has a name for, and no decoder, by its version.
_NO_DECODER = ("not found for input stream", "no decoder found for")
#: Of two moments a frame makes one; what is not interlaced stays as it is. It halves ticks.
_DEINTERLACE = "bwdif=mode=send_frame:deint=interlaced,settb=intb*2"
#: Lets frames pass from the first on that needs no other.
_FROM_KEYFRAME = "select='if(eq(pict_type,I),st(0,1))+ld(0)'"
#: Looks at frames: cameras and broadcasts call many interlaced that are of one moment.
_LOOK = "idet"


@dataclass(frozen=True, slots=True)
class Opening:
    """How an address is opened.

    Attributes:
        conversion: the filter that makes pixels of what is decoded, see `conversion_of`.
        low_delay: see `input_options`.
        is_playlist: likewise.
        keeps_clock: likewise.
        track: index of the video; `None` for the first one.
        along: indices of other tracks that ffmpeg reads, to mend the clock by them as well.
        deinterlaces: frames of two moments become frames of one.
        from_s: see `input_options`.
        looks: which are is seen by looking at them, whatever they say of themselves.
        from_keyframe: what comes before the first keyframe is left out.
        device: ffmpeg's arguments that open a device, in place of those of the address.
    """

    conversion: str
    low_delay: bool
    is_playlist: bool = False
    keeps_clock: bool = True
    track: int | None = None
    along: tuple[int, ...] = ()
    deinterlaces: bool = False
    from_s: float = 0.0
    looks: bool = False
    from_keyframe: bool = False
    device: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as it left the decoder.

    Attributes:
        picture: all of one decoder are of one size.
        pts: its timestamp.
        time_base: unit of that in seconds.
        shape: that it had before it was stretched to this size.
    """

    picture: Picture
    pts: int
    time_base: Fraction
    shape: Shape


class Decoder:
    """Starts ffmpeg on an address; whoever makes one waits for its first frame and closes it.

    Args:
        address: see `input_options`.
        opening: how.

    Attributes:
        header: what is known once the first frame is there.
        listing: of the input, likewise.
        light: how bright the frames are, likewise.

    Raises:
        StreamError: ffmpeg is not there, or there is no such screen.
    """

    header: VideoHeader
    listing: Listing
    light: Light

    def __init__(self, address: str, opening: Opening) -> None:
        """Start ffmpeg."""
        self._address, self._opening = address, opening
        self._screen = is_screen_address(address)
        filters = [_FROM_KEYFRAME] if opening.from_keyframe else []
        filters += [*([_LOOK] if opening.looks else []), PRINT_FIRST, PRINT_FIELDS]
        filters += [*([_DEINTERLACE] if opening.deinterlaces else [])]
        filters += [PRINT_SHAPES, opening.conversion]
        if self._screen and (cut := screen_filter(address)):
            filters.insert(0, cut)
        inputs = list(opening.device) or input_options(
            address,
            keeps_clock=opening.keeps_clock,
            low_delay=opening.low_delay,
            is_playlist=opening.is_playlist,
            from_s=opening.from_s,
        )
        track = "V:0" if opening.track is None else opening.track
        along = [part for index in opening.along for part in ("-map", f"0:{index}")]
        further = [*along, "-c", "copy", *NOWHERE] if along else []
        rising = [] if opening.low_delay else RISING_OPTIONS
        # with further tracks it would be the end of the longest
        end = [] if opening.keeps_clock or along else END_OPTIONS
        self._output = TimestampedOutput(
            [
                *(*inputs, *end, "-map", f"0:{track}", "-vf", ",".join(filters)),
                *(*TIMESTAMP_OPTIONS, *rising, "-f", "rawvideo", "pipe:1", *further),
            ]
        )
        self._process = self._output.process
        self._coming: Timestamp | None = None
        self._coding: YuvCoding | None = None
        self._deep: DeepCoding | None = None
        self._size_hw = (0, 0)

    def wait_for_first(self, timeout_s: float | None) -> bool:
        """Wait for the first frame; returns whether there is one. May be called again.

        Raises:
            TimeoutError: it did not come for `timeout_s` seconds.
        """
        self._coming = self._output.next_timestamp(timeout_s)
        header = video_header(self._output.header)
        if self._coming is None or header is None:
            return False
        self.listing = listing_of(self._output.header)
        self.light = light_of(self._output.header)
        self.header = with_listed_colours(header, self.track.details)
        self._size_hw = header.height, header.width
        self._coding = eight_bit_coding(self.header)
        self._deep = deep_coding(self.header, self.light)
        return True

    @property
    def is_called_interlaced(self) -> bool:
        """Whether frames are said to be of two moments, by themselves or by what it is."""
        return self.track.is_interlaced or self._output.has_fields

    @property
    def has_deinterlaced(self) -> bool:
        """Whether a frame so far was of two moments, and is of one now."""
        return self._opening.deinterlaces and self._output.has_fields

    @property
    def conversion(self) -> str:
        """The one after which its pixels are among those that pictures can have."""
        own = self._opening.conversion
        if own not in (AS_DECODED, AS_RGB):
            return own
        return own.removesuffix(AS_DECODED) + conversion_of(self.header)

    @property
    def depth(self) -> int:
        """Bits of a value of its pictures."""
        return 8 if self._deep is None else 10

    @property
    def keeps_clock(self) -> bool:
        """Whether timestamps are those of the source; otherwise they count from its start."""
        return self._opening.keeps_clock

    @property
    def track(self) -> Stream:
        """The track that it decodes, once the first frame is there."""
        index = self._opening.track
        videos = [s for s in self.listing.streams if s.kind == "Video"]
        wanted = (s for s in videos if s.index == index or (index is None and not s.is_attached))
        return next(wanted, Stream(index or 0, "Video", "", "", "", frozenset()))

    @property
    def end_s(self) -> float | None:
        """When the last frame ends, on the clock of the timestamps; known after it, if ever."""
        return self._output.end_s

    @property
    def time_base(self) -> Fraction | None:
        """Unit of the timestamps in seconds, before the first frame is read."""
        return None if self._coming is None else self._coming.time_base

    def read(self, timeout_s: float | None) -> Decoded | None:
        """Return the next frame, `None` where ffmpeg has ended.

        Raises:
            TimeoutError: it did not come for `timeout_s` seconds.
        """
        stamp, self._coming = self._coming, None
        if stamp is None:
            stamp = self._output.next_timestamp(timeout_s)
        picture = None if stamp is None else self._read_picture()
        if stamp is None or picture is None:
            return None
        shape = stamp.shape or Shape(*self._size_hw[::-1], self.header.pixel_aspect)
        return Decoded(picture, stamp.pts, stamp.time_base, shape)

    def _read_picture(self) -> Picture | None:
        """Return the next frame, `None` where ffmpeg ended within it."""
        if self._deep is not None:
            data = self._read(np.empty(num_deep_bytes(self._size_hw), np.uint8))
            return data if data is None else DeepPicture.of_bytes(data, self._size_hw, self._deep)
        if self._coding is not None:
            data = self._read(np.empty(num_bytes(self._size_hw), np.uint8))
            return data if data is None else YuvPicture.of_bytes(data, self._size_hw, self._coding)
        image = self._read(np.empty((*self._size_hw, 3), np.uint8))
        return image if image is None else RgbPicture(image)

    def _read(self, array: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        if not self._process.read_into(array.data.cast("B")):
            return None
        array.flags.writeable = False
        return array

    def kill(self) -> None:
        """End it at once. May be called from any thread, and again."""
        self._process.kill()

    def close(self) -> None:
        """End it and free it. May be called again."""
        self._process.close()

    # === After its end ===

    def wait(self) -> int:
        """Wait for the end and return the exit status (< 0: a signal)."""
        return self._process.wait()

    def failure(self) -> str:
        """Say in a few words why it failed, without secrets."""
        if any(map(self.has_reported, _CUT_OFF)):
            return "it was cut off"
        return self._process.failure()

    @property
    def num_errors(self) -> int:
        """How many errors it has reported so far."""
        return self._process.num_errors

    def has_reported(self, text: str) -> bool:
        """Return whether one of its last errors contains `text`."""
        return self._process.has_reported(text)

    @property
    def is_unknown_playlist(self) -> bool:
        """Whether it refused a playlist, or parts of one, because of how they are called."""
        refusals = ("allowed_segment_extensions", "allowed_extensions", "Not detecting m3u8/hls")
        return not self._opening.is_playlist and any(map(self.has_reported, refusals))

    @property
    def unread_matrix(self) -> str | None:
        """The matrix for whose sake no frame came, `None` where it is not that."""
        return unknown_matrix(self._output.header)

    def why_nothing(self) -> str:
        """Say why no frame came. It has ended or is about to."""
        status = self._process.wait()
        if status < 0:
            return f"{self.failure()} before the first frame"
        if self.has_reported("Format not on whitelist"):
            return "is no video but a playlist, sound or text; give the video itself"
        if self._screen:
            return why_no_screen(self._process)
        if self.has_reported("moov atom not found") and _is_mp4(self._address):
            return f"{_NO_INDEX}; a program such as untrunc may mend it"
        listing = listing_of(self._output.header)
        if listing.container:
            if not listing.videos:
                return "has no video in it; give a video, a photo or a camera's number"
            if self.unread_matrix is not None:
                return (
                    "codes its colours by a matrix that cannot be read "
                    f"({self.unread_matrix}); convert it to BT.709 first"
                )
            return self._why_not_decoded()
        reason = re.sub(r"^Error opening input.*?: ", "", self.failure())
        if not is_network_address(self._address):
            return f"cannot be read as a video ({reason})"
        return _why_not_reached(self._output.header, reason)

    def _why_not_decoded(self) -> str:
        """Say what kind of video it is, where that is why none of its frames came."""
        picture = listing_of(self._output.header).picture
        details = "" if picture is None else picture.details
        named = re.match(r"(\w+)(?:.*?\((\w{4}) / \w+\))?", details)
        codec, tag = named.groups() if named is not None else ("none", None)
        if tag in _PROTECTED:
            return "is copy-protected; only players of those who sold it show it"
        if codec == "none" or any(map(self.has_reported, _NO_DECODER)):
            name = tag if codec == "none" else codec
            how = "in a way that" if name is None else f"as {name}, which"
            return f"is coded {how} cannot be decoded; save it as H.264, HEVC or ProRes 422 first"
        is_clear = is_network_address(self._address) or any(map(self.has_reported, _CUT_OFF))
        asked = "" if is_clear else "; is it whole, and not copy-protected?"
        return f"no frame of it can be decoded ({self.failure()}){asked}"


def _why_not_reached(log: Sequence[str], reason: str) -> str:
    """Say what to do about a network address that gave nothing, by ffmpeg's log and its reason."""
    check = "check the address and that it is sending"
    if any("Failed to resolve hostname" in line for line in log):
        return "nobody knows this host; check the address and the connection to the network"
    # its own reason is then that this is no video, or nothing at all
    if reason == "Input/output error" or any("timed out" in line for line in log):
        return f"nothing comes from it; {check}"
    if re.search(r"\b40[13]\b", reason):
        return f"lets nobody in without the right name and password ({reason})"
    if "Invalid data" in reason:
        return f"gives no video that can be read ({reason})"
    return f"cannot be reached ({reason}); {check}"


def _is_mp4(address: str) -> bool:
    """Return whether a file begins as an MP4 does, which ffmpeg takes others for by their names."""
    try:
        with open(address, "rb") as file:
            return file.read(8)[4:] in (b"ftyp", b"mdat", b"wide", b"free", b"skip")
    except OSError:
        return False
