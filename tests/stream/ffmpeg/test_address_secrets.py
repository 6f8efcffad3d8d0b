"""What of addresses is taken for secret, hidden from people, and had from variables."""

from __future__ import annotations

import pytest

from stream.errors import StreamError
from stream.ffmpeg.address_secrets import (
    secrets_hidden,
    secrets_replaced,
    variables_in,
    with_variables,
)

#: An address, the secrets in it by their kinds, and the address as people see it.
ADDRESSES = [
    ("rtmp://a.example/live2/ab-cd", {"KEY": "ab-cd"}, "rtmp://a.example/live2/***"),
    ("rtmps://a.example:443/rtmp/a/b?s=1", {"KEY": "a/b?s=1"}, "rtmps://a.example:443/rtmp/***"),
    (
        "rtmp://me:word@a.example/live2/ab",
        {"LOGIN": "me:word", "KEY": "ab"},
        "rtmp://a.example/live2/***",
    ),
    ("rtmp://a.example/live?auth=xy", {"AUTH": "xy"}, "rtmp://a.example/live?auth=***"),
    ("rtsp://me:w%40rd@192.0.2.7/a", {"LOGIN": "me:w%40rd"}, "rtsp://192.0.2.7/a"),
    ("rtsp://me:w@rd@192.0.2.7/a", {"LOGIN": "me:w@rd"}, "rtsp://192.0.2.7/a"),
    ("rtsp://me:wo/rd@192.0.2.7/a", {"LOGIN": "me:wo/rd"}, "rtsp://192.0.2.7/a"),
    ("https://token@a.example/v", {"LOGIN": "token"}, "https://a.example/v"),
    (
        "srt://192.0.2.7:9000?passphrase=ten-letters&mode=caller&streamid=pub%2Fkey",
        {"PASSPHRASE": "ten-letters", "STREAMID": "pub%2Fkey"},
        "srt://192.0.2.7:9000?passphrase=***&mode=caller&streamid=***",
    ),
    (
        "https://a.example/x.m3u8?X-Amz-Signature=12;fps=25",
        {"X_AMZ_SIGNATURE": "12"},
        "https://a.example/x.m3u8?X-Amz-Signature=***;fps=25",
    ),
    ("http://a.example/v?abcd", {"QUERY": "abcd"}, "http://a.example/v?***"),
    ("http://a.example/v?listen#abcd", {"FRAGMENT": "abcd"}, "http://a.example/v?listen#***"),
    (
        "rtsp://192.0.2.7/user=me_password=wo_rd_channel=1.sdp",
        {"PASSWORD": "wo_rd"},
        "rtsp://192.0.2.7/user=me_password=***_channel=1.sdp",
    ),
    ("s3://id:key@bucket/a.mp4", {"LOGIN": "id:key"}, "s3://bucket/a.mp4"),
    ("http://a.example/v?token=", {}, "http://a.example/v?token="),
    ("udp://@239.0.0.1:1234?ttl=2", {}, "udp://239.0.0.1:1234?ttl=2"),
    ("udp://[2001:db8::7]:1234", {}, "udp://[2001:db8::7]:1234"),
    ("rtsp://192.0.2.7:554/a@b", {}, "rtsp://192.0.2.7:554/a@b"),
    ("me@home?token=1.mp4", {}, "me@home?token=1.mp4"),
]


@pytest.mark.parametrize(("address", "secrets", "shown"), ADDRESSES)
def test_secrets_are_found_and_hidden(address, secrets, shown):
    found: dict[str, str] = {}

    def replace(kind: str, secret: str) -> str:
        found[kind] = secret
        return f"<{kind}>"

    replaced = secrets_replaced(address, replace)
    assert found == secrets
    for kind, secret in secrets.items():
        assert secret not in replaced
        replaced = replaced.replace(f"<{kind}>", secret)
    assert replaced == address, "nothing else is changed"
    assert secrets_hidden(address) == shown
    assert (
        secrets_hidden(f"{address}: lost ({address}), again") == f"{shown}: lost ({shown}), again"
    )


def test_the_value_of_an_option_is_an_address_to_its_end():
    replaced = secrets_replaced("rtmp://a.example/live/ab token=cd", lambda kind, secret: "")
    assert replaced == "rtmp://a.example/live/"
    replaced = secrets_replaced("replace=http://me:word@a.example/b.jpg", lambda kind, secret: "")
    assert replaced == "replace=http://@a.example/b.jpg"


def test_what_an_address_looks_like_is_no_secret():
    text = "rtmp://a.example: must look like rtmp://HOST/APPLICATION/KEY"
    assert secrets_hidden(text) == text


def test_variables_stand_for_secrets():
    address = "rtmp://${LOGIN}@a.example/live2/${KEY}?x=1"
    assert variables_in(address) == ["LOGIN", "KEY"]
    assert secrets_replaced(address, lambda kind, secret: pytest.fail(secret)) == address
    filled = with_variables(address, {"LOGIN": "me:w$rd", "KEY": "${LOGIN}"})
    assert filled == "rtmp://me:w$rd@a.example/live2/${LOGIN}?x=1", "what is had is not looked at"


@pytest.mark.parametrize("text", ["${KEY}.mp4", "#2a6f97", "rtsp://me:pa$KEY@a.example/", "$KEY"])
def test_no_more_than_braces_in_addresses_means_a_variable(text):
    assert with_variables(text, {"KEY": "secret"}) == text
    assert variables_in(text) == []


@pytest.mark.parametrize("environment", [{}, {"KEY": ""}])
def test_a_variable_that_is_not_set_is_named_and_nothing_else(environment):
    with pytest.raises(StreamError) as raised:
        with_variables("rtmp://me:word@a.example/live2/${KEY}", environment)
    assert str(raised.value).endswith("the variable KEY is not set; export it first")
    assert "word" not in str(raised.value)
