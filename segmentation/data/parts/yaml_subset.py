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
#: one text of a list in brackets, or a mark between them
_TOKEN = re.compile(r"""\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\[\]{},:\s"'][^\[\]{},]*)|(.))""")


def read_yaml(text: str) -> dict[str, Value]:
    """Return what the keys at the left have, of the kinds described above.

    Raises:
        ValueError: a line is none of these; it says which. Or it is longer than `MAX_CHARACTERS`.
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
    for position, character in enumerate(line):
        if quote:
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
        is_item = line.lstrip().startswith("- ")
        if indent == 0 and not is_item:
            break
        depth = indent if depth is None else depth
        if indent != depth:
            continue
        match = _KEY.match(line.strip())
        if is_item:
            items.append(_plain(line.strip()[2:]))
        elif match is not None:
            named[_plain(match["key"])] = _plain(line.strip()[match.end() :])
    return named if named and not items else items


def _depth(text: str) -> int:
    return sum((mark in "[{") - (mark in "]}") for _, mark in _tokens(text) if mark)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(text):
        yield match[1] or "", match[2] or ""


def _flow(text: str, line: int) -> Value:
    """Return the list or object in brackets."""
    items: list[str] = []
    named: dict[str, str] = {}
    depth = 0
    for token, mark in _tokens(text):
        depth += (mark in "[{") - (mark in "]}") if mark else 0
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


def _plain(text: str) -> str:
    """Return a text without its quotes."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
