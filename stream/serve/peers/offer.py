"""Offers, judged line by line before aiortc sees them.

An offer is rebuilt from what is needed of it: one video in VP8 there and back, one data channel,
both over one transport. All else that the format allows never reaches the parser, which believes
what it reads and takes time for it. Sources: RFC 8866 (SDP), RFC 8839 (ICE), RFC 8841 (SCTP),
RFC 8843 (BUNDLE), RFC 4588 (retransmission).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINES, MAX_CANDIDATES = 1000, 16
LAST_SSRC = (1 << 32) - 1
#: Attributes of a section of which the first is taken over, and what they must look like.
_WANTED = {
    "mid": re.compile(r"[\w.+-]{1,16}", re.ASCII),
    "ice-ufrag": re.compile(r"[A-Za-z0-9+/]{4,256}"),
    "ice-pwd": re.compile(r"[A-Za-z0-9+/]{22,256}"),
    "fingerprint": re.compile(r"(?i:sha-256) [0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}"),
    "setup": re.compile(r"actpass|active|passive"),
}
#: Those that may stand before the sections, or in one of a bundle, and are then of all of them.
_OF_ALL = ("ice-ufrag", "ice-pwd", "fingerprint", "setup")
_NO_VIDEO_BACK = {"recvonly", "sendonly", "inactive"}
_EXTENSIONS = {
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
}
_FEEDBACK = ("nack", "nack pli", "goog-remb")
_CANDIDATE = re.compile(
    r"[\w+/]{1,32} 1 (?i:udp) \d{1,10} [0-9A-Fa-f.:]{2,45} \d{1,5} typ (host|srflx|relay)\b",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Section:
    """One medium: its kind, what else is in its first line, and its attributes in order."""

    kind: str
    formats: frozenset[str]
    attributes: list[tuple[str, str]]

    def all_of(self, name: str) -> list[str]:
        return [value for other, value in self.attributes if other == name]


def rebuilt_offer(sdp: str, *, keep_candidates: bool) -> str:
    """Return an offer that holds what is needed of this one and nothing else.

    Args:
        sdp: the offer.
        keep_candidates: leave the addresses in it that are numbers.

    Raises:
        ValueError: it is not the offer of one video and one data channel. Says why.
    """
    before, sections = _sections(sdp)
    if sorted(section.kind for section in sections) != ["application", "video"]:
        raise ValueError("the offer must hold one video and one data channel, nothing else")
    of_all = [*before, *sections[0].attributes, *sections[1].attributes]
    wanted = [_wanted(section, of_all) for section in sections]
    mids = [attributes["mid"] for attributes in wanted]
    groups = [text.split() for name, text in before if name == "group"]
    bundle = next((mids for kind, *mids in filter(None, groups) if kind == "BUNDLE"), [])
    if mids[0] == mids[1] or sorted(bundle) != sorted(mids):
        raise ValueError("the offer must bundle the video and the data channel in one transport")
    lines = ["v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(bundle)}"]
    for section, attributes in zip(sections, wanted, strict=True):
        lines += _video(section) if section.kind == "video" else _data(section)
        lines += [f"a={name}:{value}" for name, value in attributes.items()]
        if keep_candidates:
            lines += _candidates(section)
    return "\r\n".join(lines) + "\r\n"


def _sections(sdp: str) -> tuple[list[tuple[str, str]], list[_Section]]:
    """Return the attributes before the sections, and the sections."""
    lines = [line.strip() for line in sdp.splitlines()]
    if len(lines) > MAX_LINES:
        raise ValueError(f"an offer may have {MAX_LINES} lines at most")
    before: list[tuple[str, str]] = []
    sections: list[_Section] = []
    for line in lines:
        if line.startswith("m="):
            kind, *rest = line[2:].split() or [""]
            sections.append(_Section(kind, frozenset(rest[2:]), []))
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            (sections[-1].attributes if sections else before).append((name, value.strip()))
    return before, sections


def _wanted(section: _Section, of_all: list[tuple[str, str]]) -> dict[str, str]:
    """Return its own attributes, and those of the bundle where it has none."""
    others = [(name, value) for name, value in of_all if name in _OF_ALL]
    found: dict[str, str] = {}
    for name, value in (*section.attributes, *others):
        if name in _WANTED and name not in found and _WANTED[name].fullmatch(value):
            found[name] = value
    missing = [name for name in _WANTED if name not in found]
    if missing:
        raise ValueError(f"the offer has no usable {missing[0]} of its {section.kind}")
    return found


def _video(section: _Section) -> list[str]:
    if any(name in _NO_VIDEO_BACK for name, _ in section.attributes):
        raise ValueError("the offer must send a video and receive one")
    if not section.all_of("rtcp-mux"):
        raise ValueError("the offer must have RTCP beside the video (rtcp-mux)")
    number = _format_of(section, "VP8/90000", None)
    if number is None:
        raise ValueError("the offer must have VP8 video")
    again = _format_of(section, "rtx/90000", f"apt={number}")
    formats = [number] if again is None else [number, again]
    lines = [f"m=video 9 UDP/TLS/RTP/SAVPF {' '.join(formats)}", "a=sendrecv", "a=rtcp-mux"]
    lines.append(f"a=rtpmap:{number} VP8/90000")
    said = set(section.all_of("rtcp-fb"))
    for text in _FEEDBACK:
        if {f"{number} {text}", f"* {text}"} & said:
            lines.append(f"a=rtcp-fb:{number} {text}")
    if again is not None:
        lines += [f"a=rtpmap:{again} rtx/90000", f"a=fmtp:{again} apt={number}"]
    return [*lines, *_extensions(section), *_sources(section, num=len(formats))]


def _format_of(section: _Section, codec: str, parameter: str | None) -> str | None:
    """Return the number of the first format that is this codec and has this parameter."""
    told = dict(text.partition(" ")[::2] for text in reversed(section.all_of("fmtp")))
    for text in section.all_of("rtpmap"):
        number, _, name = text.partition(" ")
        is_dynamic = re.fullmatch(r"3[5-9]|[45]\d|6[0-3]|9[6-9]|1[01]\d|12[0-7]", number)
        is_codec = number in section.formats and name.strip().lower() == codec.lower()
        parameters = [one.strip() for one in told.get(number, "").split(";")]
        if is_dynamic and is_codec and (parameter is None or parameter in parameters):
            return number
    return None


def _extensions(section: _Section) -> list[str]:
    """Return those extensions of the header that are used, each with a number of its own."""
    numbers: dict[str, str] = {}
    for text in section.all_of("extmap"):
        number, _, name = text.partition(" ")
        number = number.partition("/")[0]
        is_number = re.fullmatch(r"[1-9]|1[0-4]", number)
        if name in _EXTENSIONS and is_number and number not in numbers.values():
            numbers.setdefault(name, number)
    return [f"a=extmap:{number} {name}" for name, number in numbers.items()]


def _sources(section: _Section, num: int) -> list[str]:
    """Return which stream is the video, and which one what is sent again of it."""
    pairs = [text.split()[1:] for text in section.all_of("ssrc-group") if text.startswith("FID ")]
    named = next(iter(pairs), None) or [text.split(" ")[0] for text in section.all_of("ssrc")]
    sources = list(dict.fromkeys(named))[:num]
    if not all(re.fullmatch(r"\d{1,10}", text) and int(text) <= LAST_SSRC for text in sources):
        raise ValueError("the offer has no usable ssrc of its video")
    lines = [f"a=ssrc-group:FID {' '.join(sources)}"] if len(sources) == 2 else []
    return lines + [f"a=ssrc:{source} cname:visitor" for source in sources]


def _data(section: _Section) -> list[str]:
    ports = section.all_of("sctp-port")
    if not ports or not re.fullmatch(r"\d{1,5}", ports[0]) or not 0 < int(ports[0]) < 1 << 16:
        raise ValueError("the offer has no usable sctp-port of its application")
    return [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        f"a=sctp-port:{ports[0]}",
        "a=max-message-size:65536",  # messages to a visitor are far shorter
    ]


def _candidates(section: _Section) -> list[str]:
    found = map(_CANDIDATE.match, section.all_of("candidate")[:MAX_CANDIDATES])
    return [f"a=candidate:{one[0]}" for one in found if one is not None]
