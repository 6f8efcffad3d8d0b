"""What is secret in an address of a network: logins, keys, tokens; and where it comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from stream.errors import StreamError

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
#: In the value of an option, whose end is that of the address; in a sentence, which goes on.
_ADDRESS, _IN_SENTENCE = re.compile(f"{_SCHEME}.+", re.DOTALL), re.compile(rf"{_SCHEME}\S+")
#: As it is written in an address; no address has braces of its own.
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")
#: Of cameras that have no query: `/user=me_password=word_channel=1.sdp`.
_IN_PATH = re.compile(
    r"((?:pass(?:wor[dt]|wd|phrase)?|pwd|token|key|secret|auth|sig(?:nature)?)=)"
    r"([^/&;]+?)(?=_[a-z]+=|[/&;]|$)",
    re.IGNORECASE,
)
#: In a query, what says how a stream is sent or what a picture is like. Whatever else there is may
#: be a key, however it is called.
_HARMLESS = frozenset(
    "adapter audio bitrate broadcast buffer_size burst_bits camera channel codec compression "
    "connect connect_timeout enforced_encryption ffs fifo_size format fps framerate height inputbw "
    "iptos ipttl latency linger listen listen_timeout localaddr localport lossmaxttl maxbw "
    "messageapi mode mss nakreport oheadbw overrun_nonfatal payload_size pbkeylen peerlatency "
    "pkt_size quality rate rcvbuf rcvlatency recv_buffer_size resolution reuse reuse_socket "
    "rtsp_transport send_buffer_size size smoother sndbuf snddropdelay subtype tcp tcp_mss "
    "tcp_nodelay timeout tlpktdrop transport transtype ttl udp unicast multicast video videocodec "
    "width".split()
)
HIDDEN, _LOGIN = "***", "\0"
_PLACEHOLDER = "KEY"  # in messages that say what an address looks like

#: Given what kind of secret it is, such as "KEY", and the secret; returns what is in its place.
Replace = Callable[[str, str], str]


def secrets_replaced(text: str, replace: Replace) -> str:
    """Return a text with all that may be secret in its address replaced.

    Secret are the login before the host, an RTMP stream's key, and in queries all that is not known
    to be harmless. What names a variable, `${NAME}`, is none.

    Args:
        text: the value of an option: an address, something else, or `replace=` and an address.
        replace: see `Replace`; not called with what is empty.
    """

    def replace_known(kind: str, secret: str) -> str:
        return secret if not secret or _VARIABLE.search(secret) else replace(kind, secret)

    return _ADDRESS.sub(lambda match: _replaced_in(match[0], replace_known), text)


def secrets_hidden(text: str) -> str:
    """Return a text for people: its addresses without logins, and asterisks for other secrets."""

    def hide(kind: str, secret: str) -> str:
        if kind == "LOGIN":
            return _LOGIN
        return HIDDEN if secret and secret != _PLACEHOLDER else secret

    def hidden(match: re.Match[str]) -> str:
        address = match[0].rstrip(":;,.)'\"")  # of the sentence around it
        return _replaced_in(address, hide).replace(f"{_LOGIN}@", "") + match[0][len(address) :]

    return _IN_SENTENCE.sub(hidden, text)


def _replaced_in(address: str, replace: Replace) -> str:
    scheme, _, rest = address.partition("://")
    authority = re.split("[/?#]", rest)[0]
    if "@" not in authority and "@" in rest and not _HOST.fullmatch(authority):
        authority = rest[: rest.rindex("@") + 1]  # a password with a slash in it
    login, at, host = authority.rpartition("@")
    rest = rest[len(authority) :]
    begin = f"{scheme}://{replace('LOGIN', login) if at else ''}{at}{host}"
    if scheme.lower().startswith("rtmp"):
        match = re.match(r"(/+[^/?#]*/+)(.*)", rest, re.DOTALL)
        if match is not None:
            return begin + match[1] + replace("KEY", match[2])
    rest, mark, fragment = rest.partition("#")
    path, question, query = rest.partition("?")
    path = _IN_PATH.sub(lambda found: found[1] + replace("PASSWORD", found[2]), path)
    parts = re.split("([&;])", query)  # values and what is between them take turns
    parts[::2] = [_in_query(each, replace) for each in parts[::2]]
    return begin + path + question + "".join(parts) + mark + replace("FRAGMENT", fragment)


def _in_query(text: str, replace: Replace) -> str:
    name, equals, value = text.partition("=")
    if not equals:
        return text if name.lower() in _HARMLESS else replace("QUERY", text)
    if name.lower() in _HARMLESS:
        return text
    return f"{name}={replace(re.sub('[^A-Z0-9]+', '_', name.upper()), value)}"


def variables_in(text: str) -> list[str]:
    """Return the names of the variables that the addresses in a text take secrets from."""
    return [name for address in _ADDRESS.findall(text) for name in _VARIABLE.findall(address)]


def with_variables(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text in whose addresses each `${NAME}` is the value of that variable.

    Args:
        text: the value of an option; what is no address stays as it is.
        environment: the variables.

    Raises:
        StreamError: one is not set.
    """

    def value(match: re.Match[str]) -> str:
        found = environment.get(match[1], "")
        if not found:
            raise StreamError(
                f"{secrets_hidden(text)}: the variable {match[1]} is not set; export it first"
            )
        return found

    return _ADDRESS.sub(lambda address: _VARIABLE.sub(value, address[0]), text)
