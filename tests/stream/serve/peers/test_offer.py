"""Offers: those of browsers, and everything that looks like one."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp
import psutil
from aiortc.sdp import SessionDescription

from stream.serve.peers.offer import rebuilt_offer
from tests.users.serving import Client, Served, left, play, scene

PRINT = ":".join(["0A"] * 32)
TRANSPORT = [
    "a=ice-ufrag:ab+/",
    "a=ice-pwd:0123456789abcdef012345",
    f"a=fingerprint:sha-256 {PRINT}",
    "a=setup:actpass",
]
VIDEO = [
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98",
    "c=IN IP4 0.0.0.0",
    *TRANSPORT,
    "a=mid:0",
    "a=extmap:2/sendrecv http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=extmap:4 urn:3gpp:video-orientation",
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 nack pli",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
    "a=rtpmap:98 H264/90000",
    "a=ssrc-group:FID 1001 1002",
    "a=ssrc:1001 cname:x",
    "a=ssrc:1002 cname:x",
]
DATA = [
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    *TRANSPORT,
    "a=mid:1",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
]
BEFORE = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]


def offer(*lines: str) -> str:
    return "\r\n".join(lines or [*BEFORE, *VIDEO, *DATA]) + "\r\n"


def rebuilt(text: str) -> list[str]:
    lines = rebuilt_offer(text, keep_candidates=False).splitlines()
    SessionDescription.parse("\r\n".join(lines) + "\r\n")
    return lines


def test_what_is_needed_is_left() -> None:
    lines = rebuilt(offer())
    assert "m=video 9 UDP/TLS/RTP/SAVPF 96 97" in lines
    assert "a=ssrc-group:FID 1001 1002" in lines
    assert "a=rtcp-fb:96 nack pli" in lines
    assert [line for line in lines if line.startswith("a=extmap")] == [
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
    ]
    assert not any("H264" in line or "orientation" in line for line in lines)


def test_as_other_browsers_write_it() -> None:
    """What is of both sections stands before them, or in one only; the data channel comes first."""
    before = [*BEFORE[:-1], "a=group:BUNDLE d v", TRANSPORT[2].replace("sha", "SHA")]
    video = [line.replace("mid:0", "mid:v") for line in VIDEO if "fingerprint" not in line]
    data = [*DATA[:1], "a=bundle-only", "a=mid:d", "a=sctp-port:5000"]
    lines = rebuilt(offer(*before, *data, *video))
    assert lines.count(TRANSPORT[2].replace("sha", "SHA")) == 2
    assert lines.count(TRANSPORT[0]) == 2
    assert "a=group:BUNDLE d v" in lines


HOSTILE = {
    "another name in the bundle": offer().replace("mid:0", "mid:x"),
    "two of one name": offer().replace("mid:1", "mid:0").replace("BUNDLE 0 1", "BUNDLE 0 0"),
    "no bundle": offer().replace("a=group:BUNDLE 0 1", "a=group:LS 0 1"),
    "nothing before": offer(*VIDEO, *DATA),
    "no video": offer(*BEFORE, *DATA),
    "two videos": offer(*BEFORE, *VIDEO, *VIDEO, *DATA),
    "sound": offer(*BEFORE, *VIDEO, *DATA, "m=audio 9 UDP/TLS/RTP/SAVPF 111"),
    "an empty section": offer(*BEFORE, *VIDEO, "m="),
    "no name of a stream": offer().replace("a=mid:1", "a=mid:"),
    "a short password": offer().replace("pwd:0123456789abcdef012345", "pwd:x"),
    "no password": offer().replace("a=ice-pwd", "a=ice-nothing"),
    "a password with a quote": offer().replace("pwd:0123456789abcdef012345", "pwd:" + '"' * 30),
    "no fingerprint": offer().replace("fingerprint", "fingerprints"),
    "half a fingerprint": offer().replace(PRINT, PRINT[:40]),
    "a role that is none": offer().replace("setup:actpass", "setup:holdconn"),
    "no video back": offer().replace("a=sendrecv", "a=sendonly"),
    "no video at all": offer().replace("a=sendrecv", "a=inactive"),
    "no VP8": offer().replace("VP8/90000", "VP9/90000"),
    "VP8 at another rate": offer().replace("VP8/90000", "VP8/-1"),
    "VP8 under a number for reports": offer().replace(" 96", " 72").replace(":96", ":72"),
    "VP8 under no number": offer().replace(":96", ":x"),
    "reports apart": offer().replace("a=rtcp-mux", "a=rtcp:9"),
    "streams without numbers": offer().replace("1001", "one"),
    "streams above all numbers": offer().replace("1001", "4294967296"),
    "no port": offer().replace("a=sctp-port:5000", ""),
    "a port above all": offer().replace("sctp-port:5000", "sctp-port:70000"),
    "many lines": offer() + "a=x\r\n" * 1000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_offers_that_no_browser_makes(name: str) -> None:
    with pytest.raises(ValueError, match=r"offer"):
        rebuilt_offer(HOSTILE[name], keep_candidates=False)


def test_offers_with_something_wrong_anywhere() -> None:
    """Whatever is cut, doubled or changed: it is refused, or it can be parsed."""
    chance = random.Random(5)
    lines = offer().splitlines()
    num_refused = 0
    for _ in range(2000):
        changed = list(lines)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(changed))
            line = changed[at]
            cut = chance.randrange(len(line) + 1)
            changed[at : at + 1] = chance.choice(
                [[], [line, line], [line[:cut]], [line[cut:]], [line + "9" * 20], [changed[0]]]
            )
        try:
            rebuilt("\r\n".join(changed))
        except ValueError:
            num_refused += 1
    assert 200 < num_refused < 2000


def test_lines_that_have_to_do_with_every_other_one() -> None:
    """64 kB for which a parser that believes them takes minutes."""
    formats = "".join(f"a=rtpmap:{n % 100} a/1\r\na=rtcp-fb:* x\r\n" for n in range(2000))
    with pytest.raises(ValueError, match="lines at most"):
        rebuilt_offer(offer() + formats, keep_candidates=False)
    few = "".join(f"a=rtpmap:{n % 100} a/1\r\na=rtcp-fb:* x\r\n" for n in range(400))
    assert rebuilt(offer() + few) == rebuilt(offer())


def test_refused_offers_keep_no_place_and_no_socket(here: Served) -> None:
    async def ask() -> None:
        async with Client(here.address, scene) as good:
            await good.visit()
            sockets = len(psutil.Process().net_connections("udp"))
            async with aiohttp.ClientSession(headers=good.headers) as session:
                for text in [*HOSTILE.values()][:4]:  # of one address; more would be too many
                    async with session.post(
                        f"{here.address}/visits", json={"sdp": text}
                    ) as response:
                        assert response.status == 400
                        assert "offer" in (await response.json())["error"]
            await left(here, 1)
            assert len(psutil.Process().net_connections("udp")) <= sockets

    play(ask())


def test_an_offer_that_aiortc_cannot_answer_leaves_nothing(
    here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does half before it fails: the place and the sockets are free."""
    monkeypatch.setattr("stream.serve.webrtc.rebuilt_offer", lambda sdp, keep_candidates: sdp)

    async def ask() -> None:
        before = len(psutil.Process().net_connections("udp"))
        async with aiohttp.ClientSession(headers={"Origin": here.address}) as session:
            for name in ("another name in the bundle", "no password", "no VP8"):
                body = {"sdp": HOSTILE[name]}
                async with session.post(f"{here.address}/visits", json=body) as response:
                    assert response.status == 400
        await left(here)
        assert len(psutil.Process().net_connections("udp")) == before

    play(ask())
    here.errors.clear()  # tasks of aiortc's own that failed, as they do
