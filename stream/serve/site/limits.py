"""How much one visitor, and all of them together, may ask for."""

from __future__ import annotations

from dataclasses import dataclass


class Refusal(Exception):
    """A visitor asks for what they may not have: one sentence for them, and the HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused above these numbers.

    Those a second or a minute are for the long run: what waited while a link or this server stood
    still may come at once.

    Attributes:
        max_visitors: at a time.
        idle_s: a visitor who sends no frame for so long is asked to leave.
        max_pixels: of a frame.
        max_fps: frames a second that a visitor sends.
        max_media_bytes_s: bytes a second of everything a visitor sends by WebRTC.
        max_media_packets_s: packets of their video a second; those above are lost.
        max_connect_s: from the offer to the first frame.
        max_offer_bytes: of the body of an offer.
        max_offers_minute: from one address.
        max_message_bytes: of a message on the data channel.
        max_messages_s: on it, a second; a slider that is dragged makes ten.
        max_pings_s: of these, so many that only ask for an answer; the page sends one.
        max_upload_bytes: of a background as it is sent.
        max_upload_pixels: of a background.
        kept_side: pixels of the long side that a background is kept at.
        max_upload_scans: of a background that is a JPEG; each goes over all of the picture again.
        max_decode_s: processor time that decoding a background may take.
        max_decode_minute_s: time for decoding all of one address in a minute.
        max_decode_bytes: memory that decoding one may take.
        max_request_s: time for a whole request, upload included.
        max_requests_s: from one address.
        max_all_requests_s: above them only those are answered whose address asks for little.
        max_connections: of HTTP, at a time.
    """

    max_visitors: int = 4
    idle_s: float = 30.0
    max_pixels: int = 1280 * 720
    max_fps: int = 75
    max_media_bytes_s: int = 2_500_000
    max_media_packets_s: int = 800
    max_connect_s: float = 20.0
    max_offer_bytes: int = 64_000
    max_offers_minute: int = 20
    max_message_bytes: int = 2_000
    max_messages_s: int = 15
    max_pings_s: int = 3
    max_upload_bytes: int = 12_000_000
    max_upload_pixels: int = 50_000_000
    kept_side: int = 1280
    max_upload_scans: int = 30
    max_decode_s: int = 8
    max_decode_minute_s: float = 10.0
    max_decode_bytes: int = 800_000_000
    max_request_s: float = 30.0
    max_requests_s: int = 4
    max_all_requests_s: int = 8
    max_connections: int = 64
