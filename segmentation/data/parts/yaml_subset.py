"""The part of YAML that a list of class names is written in (https://yaml.org/spec/1.2.2).

Keys at the left with text, a list or an object of texts: `[a, b]`, `{0: a}`, or a line each.
What lies deeper is passed over; anchors and tags are taken for text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Value = str | list[str] | dict[str, str]
MAX_CHARACTERS = 1_000_000
_KEY = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[^\s#:'"\[\]{},-][^#:\[\]{},]*?)\s*:(\s+|$)""")
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')"""
#: one text of a list in brackets, a key with its text, or a mark between them
_TOKEN = re.compile(rf"""\s*(?:({_QUOTED}|[^\[\]{{}},:\s"'](?::\s+{_QUOTED}|[^\[\]{{}},])*)|(.))""")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
#: What a backslash and one of these is between double quotes
_ESCAPED = {
    **{"0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f"},
    **{"r": "\r", "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85"},
    **{"_": "\xa0", "L": "\u2028", "P": "\u2029"},
}


def read_yaml(text: str) -> dict[str, Value]:
    """Return what the keys at the left have, of the kinds described above.

    Raises:
        ValueError: a line is none of these, or has an escape that YAML does not know; it says
            which. Or it is longer than `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{len(text)} characters are more than a list of names has")
    found: dict[str, Value] = {}
    lines = [_without_comment(line) for line in text.splitlines()]
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        if not line.strip() or line[0] in " \t-%." or line.startswith("---"):
            continue
        match = _KEY.match(line)
        if match is None:
            raise ValueError(f"line {position}: {line.strip()[:60]!r}")
        rest = line[match.end() :].strip()
        if rest[:1] in ("[", "{"):
            pieces, depth = [rest], _depth(rest)
            while depth > 0 and position < len(lines):
                pieces.append(lines[position].strip())
                depth += _depth(pieces[-1])
                position += 1
            found[_plain(match["key"])] = _flow(" ".join(pieces), position)
        elif rest and rest not in ("|", ">"):
            found[_plain(match["key"])] = _plain(rest)
        else:
            found[_plain(match["key"])] = _block(lines, position)
    return found


def _without_comment(line: str) -> str:
    quote = ""
    is_escaped = False
    for position, character in enumerate(line):
        if is_escaped:
            is_escaped = False
        elif quote:
            is_escaped = character == "\\" and quote == '"'
            quote = "" if character == quote else quote
        elif character in "\"'" and (position == 0 or line[position - 1] in " [{,:\t"):
            quote = character
        elif character == "#" and (position == 0 or line[position - 1] in " \t"):
            return line[:position]
    return line.rstrip()


def _block(lines: list[str], position: int) -> Value:
    """Return the list or object whose lines begin here."""
    items: list[str] = []
    named: dict[str, str] = {}
    depth: int | None = None
    for line in (lines[at] for at in range(position, len(lines))):
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        is_item = line.lstrip() == "-" or line.lstrip().startswith("- ")
        if indent == 0 and not is_item:
            break
        depth = indent if depth is None else depth
        if indent != depth:
            continue
        match = _KEY.match(line.strip())
        if is_item:
            items.append(_closed(line.strip()[2:]))
        elif match is not None:
            named[_plain(match["key"])] = _closed(line.strip()[match.end() :])
    return named if named and not items else items


def _depth(text: str) -> int:
    return sum((mark in "[{") - (mark in "]}") for _, mark in _tokens(text) if mark)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(text):
        yield match[1] or "", match[2] or ""


def _flow(text: str, line: int) -> Value:
    """Return the list or object in brackets; of a list also what is empty between two commas."""
    items: list[str] = []
    named: dict[str, str] = {}
    depth = 0
    is_empty = True
    for token, mark in _tokens(text):
        depth += (mark in "[{") - (mark in "]}") if mark else 0
        if mark == "," and depth == 1:
            items += [""] if is_empty and text[0] == "[" else []
            is_empty = True
        elif token or depth > 1:
            is_empty = False
        if token and depth == 1 and text[0] == "[":
            items.append(_plain(token))
        elif token and depth == 1:
            key, colon, value = token.partition(":")
            if colon:
                named[_plain(key)] = _plain(value)
            else:
                items.append(_plain(token))
    if depth:
        raise ValueError(f"line {line}: a bracket is not closed")
    if text[0] == "[":
        return items
    # of a key in quotes the value is a token of its own
    named |= dict(zip(items[::2], items[1::2], strict=False))
    return named


def _closed(text: str) -> str:
    """Return a text without its quotes, which it must have at both ends."""
    text = text.strip()
    if text[:1] in ("'", '"') and (len(text) < 2 or text[-1] != text[0]):
        raise ValueError(f"{text[:60]!r}: the quote is not closed on its line")
    return _plain(text)


def _plain(text: str) -> str:
    """Return a text without its quotes."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _joined_pairs(_ESCAPE.sub(_unescaped, text[1:-1]))
    return text


def _unescaped(match: re.Match[str]) -> str:
    """Return what an escape stands for (https://yaml.org/spec/1.2.2/#57-escaped-characters)."""
    escape = match[1]
    if len(escape) > 1:
        try:
            return chr(int(escape[1:], 16))
        except (ValueError, OverflowError):
            raise ValueError(f"\\{escape} is no character") from None
    if escape not in _ESCAPED:
        raise ValueError(
            f"\\{escape} is no escape of YAML; put what has backslashes between single quotes"
        )
    return _ESCAPED[escape]


def _joined_pairs(text: str) -> str:
    """Return a text in which characters that JSON writes as two are one."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        half = next(character for character in text if 0xD800 <= ord(character) < 0xE000)
        raise ValueError(f"\\u{ord(half):04X} is no character") from None
