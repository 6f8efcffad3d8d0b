"""`--save-profile NAME`: options of a command line, in a file that people can read and change."""

from __future__ import annotations

import os
import re
from pathlib import Path

from stream.commands.parts.command_line import CommandError, Option, Parser
from stream.commands.parts.profiles import CommandLine, named_profile
from stream.errors import StreamError
from stream.ffmpeg.address_secrets import secrets_hidden, secrets_replaced
from stream.files.outputs import save, writing

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def save_profile(command: CommandLine, parser: Parser, *, overwrite: bool) -> list[str]:
    """Write what differs from the defaults; returns lines: where, and what was left out.

    Args:
        command: with the name of the profile.
        parser: which has the options.
        overwrite: a profile of that name is replaced.

    Raises:
        CommandError: it is no name, or something is no text that a file can hold.
        StreamError: there is such a profile, or it cannot be written.
    """
    path = named_profile(command.options.save_profile)
    if path.exists() and not overwrite:
        raise StreamError(f"{path}: exists; name another profile, or add -y to replace it")
    secrets = _Secrets(path.stem)
    text = profile_text(command, parser, secrets)
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise CommandError(
            f"--save-profile: {text[error.start - 20 : error.end]!r} holds bytes that are no text; "
            "rename the file"
        ) from error
    _make_private_folder(path.parent)
    save(data, path, is_private=True)
    return [f"profile: {path}", *secrets.lines()]


class _Secrets:
    """What of a command line is left out of a profile, and the variables it is to come from.

    Args:
        profile: its name, which is in those of the variables: those of others are not sent there.
    """

    def __init__(self, profile: str) -> None:
        """Know of none."""
        self._prefix = f"MASKCAST_{re.sub('[^A-Z0-9]+', '_', profile.upper()).strip('_')}_"
        self._variables: dict[str, str] = {}  # by the secret
        self._left_out: list[tuple[str, str, str]] = []  # name, kind, where it was

    def without(self, value: str) -> str:
        """Return a value of an option with variables for its secrets."""

        def named(kind: str, secret: str) -> str:
            if secret not in self._variables:
                self._variables[secret] = self._free_name(kind)
                self._left_out.append((self._variables[secret], kind, value))
            return f"${{{self._variables[secret]}}}"

        return secrets_replaced(value, named)

    def _free_name(self, kind: str) -> str:
        name, number = self._prefix + kind, 2
        while name in self._variables.values():
            name, number = f"{self._prefix}{kind}_{number}", number + 1
        return name

    def lines(self) -> list[str]:
        """Return what is told of them."""
        return [
            f"left out of it: the {kind.lower()} of {secrets_hidden(value)}; export it as {name}"
            for name, kind, value in self._left_out
        ]


def profile_text(command: CommandLine, parser: Parser, secrets: _Secrets) -> str:
    """Return a profile as TOML, a comment before each option.

    Args:
        command: what is asked for.
        parser: which has the options.
        secrets: takes those that are left out.
    """
    options = vars(command.options)
    lines = ["# Options of maskcast. Change and delete what you like; --help all lists more."]
    for option in parser.options:
        value = command.settings.get(option.name)
        if value is None or options[option.action.dest] == option.action.default:
            continue
        values = value if isinstance(value, list) else [value]
        told = [_written(each, option, secrets) for each in values]
        text = f"[{', '.join(told)}]" if option.takes_several else told[0]
        help = " ".join((option.action.help or "").split())
        lines += ["", f"# {help}", f"{option.name} = {text}"]
    return "\n".join(lines) + "\n"


def _written(value: str | bool, option: Option, secrets: _Secrets) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if option.input_after is not None and value.startswith(option.input_after):
        name = value.removeprefix(option.input_after)
        value = option.input_after + _from_anywhere(name)
    return _toml(secrets.without(value))


def _from_anywhere(name: str) -> str:
    """Return the name of an input, which if it is a file is found from any folder."""
    from effects.placing import split_placing
    from stream.sources import local_files

    path, words = split_placing(name)
    if not path or not local_files(path):
        return name
    return ",".join([os.path.abspath(path), *words])


def _toml(text: str) -> str:
    """Return a text as TOML has it, a number where it is one as it is written."""
    if re.fullmatch(r"0|[1-9]\d{0,15}", text) or (
        re.fullmatch(r"\d+\.\d+", text) and repr(float(text)) == text
    ):
        return text
    escaped = (
        _ESCAPES.get(each, each if each.isprintable() or ord(each) > 0xFFFF else _code(each))
        for each in text
    )
    return f'"{"".join(escaped)}"'


def _code(character: str) -> str:
    is_half = 0xD800 <= ord(character) < 0xE000  # which stands for a byte that is no text
    return character if is_half else f"\\u{ord(character):04x}"


def _make_private_folder(folder: Path) -> None:
    """Make a folder, and those it lies in, for this user alone."""
    with writing(folder):
        for each in [*reversed(folder.parents), folder]:
            if not each.exists():
                each.mkdir(mode=0o700, exist_ok=True)
