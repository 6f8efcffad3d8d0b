"""Decoders of one address: the first, and another one when that is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from stream.colour.dolby_vision import SIDE_DATA as DOLBY_VISION
from stream.colour.dolby_vision import dolby_vision
from stream.errors import StreamError
from stream.ffmpeg.address_secrets import secrets_hidden
from stream.ffmpeg.inputs import (
    announces_length,
    is_live_address,
    is_network_address,
)
from stream.ffmpeg.screen import has_ended, is_screen_address
from stream.pauses import Pauses
from stream.sources.beside import JOINED, contents_of
from stream.sources.decoder import Decoder, Opening
from stream.sources.pixels import AS_DECODED, AS_RGB, TO_RGB, is_transparent

TOLD_S, UNREACHED_S = 4.0, 20.0  # without a first picture: a message, an error
#: Codecs of discs, where some frames are of two moments and others are not, whatever the first is.
_MIXED = ("mpeg2video", "vc1")
#: Codecs whose decoders make something up of what they see before the first keyframe.
_GUESSED = ("mpeg4", "h263", "flv1", "msmpeg4v3", "wmv1", "wmv2")
#: Containers that come several seconds at a time.
IN_BURSTS = ("hls", "dash")


class Attempts:
    """Starts ffmpeg on an address, in another way where one does not do, and again.

    Args:
        address: see `VideoSource`.
        on_message: told, in one line each, that the first picture is waited for, and that the
            address is lost or back.
        from_s: from where on a file is read, its timestamps as they are; `None` for all of it.

    Attributes:
        name: the address, without password.
        interrupted: once set, nothing is started any more.
        live: what it gives happens now; known after `first`.
    """

    live: bool

    def __init__(
        self, address: str, on_message: Callable[[str], None], from_s: float | None = None
    ) -> None:
        """Start nothing yet."""
        self._screen = screen = is_screen_address(address)
        self._address = address
        self.name = address.removesuffix(":") if screen else secrets_hidden(address)
        self._on_message = on_message
        self._is_remote = screen or is_network_address(address)
        # what may be live needs its clock as it is; of a file ffmpeg knows best where it goes on
        self._opening = Opening(
            TO_RGB if screen else AS_DECODED,
            low_delay=is_live_address(address),
            keeps_clock=self._is_remote or from_s is not None,
            from_s=from_s or 0.0,
        )
        self._pauses = Pauses()
        self._decoder: Decoder | None = None
        self.interrupted = threading.Event()

    def first(self) -> Decoder:
        """Return a decoder whose first frame is there.

        Raises:
            StreamError: there is nothing to decode.
        """
        decoder = self._open(self._on_message)
        try:
            self._check_dolby_vision(decoder)
        except BaseException:
            decoder.close()
            raise
        self._tell_choice(decoder)
        return decoder

    def again(self, reason: str) -> Decoder | None:
        """Return another one, however long it takes, `None` after the interruption.

        Args:
            reason: why the one before was lost, in a few words.

        Raises:
            StreamError: it is a screen whose display has ended.
        """
        if self.interrupted.is_set():
            return None
        self._check_display()
        self._on_message(f"{self.name}: lost ({reason}), trying again")
        self.close()
        while not self.interrupted.wait(self._pauses.next_s()):
            self._check_display()
            try:
                decoder = self._open(lambda text: None)
            except StreamError:
                continue
            # what has got an end meanwhile, as a playlist can, is none that goes on
            if self._opening.low_delay or decoder.listing.duration_s is None:
                self._on_message(f"{self.name}: back")
                return decoder
            decoder.close()
        return None

    def _check_display(self) -> None:
        if self._screen and has_ended():
            raise StreamError(f"{self.name}: its display has ended")

    def interrupt(self) -> None:
        """End at once what runs, and start nothing any more. May be called from any thread."""
        self.interrupted.set()
        if self._decoder is not None:
            self._decoder.kill()

    def close(self) -> None:
        """Free the decoder that runs. May be called again."""
        if self._decoder is not None:
            self._decoder.close()

    def _open(self, on_message: Callable[[str], None]) -> Decoder:
        while True:
            decoder = self._begin()
            try:
                if self._wait_for_first(decoder, on_message):
                    opening = self._fitting_opening(decoder)
                    if opening == self._opening:
                        return decoder
                else:
                    opening = self._other_opening(decoder)
                self._opening = opening
            except BaseException:
                decoder.close()
                raise
            decoder.close()

    def _begin(self) -> Decoder:
        """Start ffmpeg; what is started after the interruption ends at once."""
        self._pauses.begin()
        self._decoder = decoder = Decoder(self._address, self._opening)
        if self.interrupted.is_set():
            decoder.kill()
        return decoder

    def _wait_for_first(self, decoder: Decoder, on_message: Callable[[str], None]) -> bool:
        if not self._is_remote:
            return decoder.wait_for_first(None)
        try:
            return decoder.wait_for_first(TOLD_S)
        except TimeoutError:
            on_message(f"{self.name}: waiting for its first picture")
        try:
            return decoder.wait_for_first(UNREACHED_S - TOLD_S)
        except TimeoutError:
            raise StreamError(
                f"{self.name}: no picture came within {UNREACHED_S:.0f} s; "
                "check the address and that it is sending"
            ) from None

    def _fitting_opening(self, decoder: Decoder) -> Opening:
        """Return how to open it, now that it is known what it holds: maybe as it was."""
        opening = replace(self._opening, conversion=decoder.conversion)
        picture = decoder.listing.picture
        if picture is not None and picture.index != decoder.track.index:
            is_called = picture.is_interlaced
            return replace(opening, track=picture.index, deinterlaces=is_called, looks=is_called)
        self.live = self._is_live(decoder)
        # where pictures may change their size the filter would lose two of them each time
        is_joined = decoder.listing.container in JOINED
        is_mixed = decoder.track.codec in _MIXED and not (self.live or is_joined)
        is_called = decoder.is_called_interlaced
        if self.live and decoder.track.codec in _GUESSED:
            opening = replace(opening, from_keyframe=True)
        if not opening.deinterlaces and (is_called or is_mixed):
            opening = replace(opening, deinterlaces=True, looks=is_called)
        if not self.live and is_joined:
            contents = contents_of(self._address, decoder.listing, decoder.track)
            opening = replace(opening, keeps_clock=False, along=tuple(contents.clock_tracks[1:]))
        return opening

    def _is_live(self, decoder: Decoder) -> bool:
        if is_live_address(self._address):
            return True
        if not self._is_remote or decoder.listing.duration_s is not None:
            return False
        has_no_end = decoder.listing.container in (*IN_BURSTS, "mpjpeg")
        return has_no_end or not announces_length(self._address)

    def _tell_choice(self, decoder: Decoder) -> None:
        """Say which of several videos is shown, and what of it is not."""
        videos, track = decoder.listing.videos, decoder.track
        if len(videos) > 1 and decoder.listing.container not in IN_BURSTS:
            number = [video.index for video in videos].index(track.index) + 1
            why = ", marked as default" if "default" in track.flags else ""
            self._on_message(
                f"{self.name}: has {len(videos)} videos; number {number} is shown "
                f"({track.size}{why})"
            )
        if not self._is_remote and is_transparent(self._address, track):
            self._on_message(f"{self.name}: is transparent in places, which is left out")

    def _check_dolby_vision(self, decoder: Decoder) -> None:
        """Say which picture of Dolby Vision is taken.

        Raises:
            StreamError: there is none that others can show.
        """
        found = dolby_vision(decoder.track.side_data.get(DOLBY_VISION, ""))
        if found is None:
            return
        profile, has_own_picture = found
        if not has_own_picture:
            raise StreamError(
                f"{self.name}: is Dolby Vision profile {profile}, whose colours only Dolby's "
                "decoders know; convert it to HDR10 first"
            )
        self._on_message(
            f"{self.name}: is Dolby Vision profile {profile}; its picture for other screens is "
            "taken, and what it says to Dolby's is left out"
        )

    def _other_opening(self, decoder: Decoder) -> Opening:
        """Return how to open it after this way has given no frame.

        Raises:
            StreamError: there is no other way.
        """
        why = decoder.why_nothing()
        if decoder.is_unknown_playlist and not self.interrupted.is_set():
            return replace(self._opening, is_playlist=True)
        if decoder.unread_matrix is not None and self._opening.conversion == AS_DECODED:
            return replace(self._opening, conversion=AS_RGB)
        raise StreamError(f"{self.name}: {why}")
