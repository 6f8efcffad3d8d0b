"""Profiles: options that are kept in a file, `--profile NAME`."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentation.unfinished import MAX_NAME_BYTES
from segmentation.user_folders import user_configuration
from stream.commands.parts.command_line import CommandError, Option, Parser
from stream.errors import StreamError
from stream.ffmpeg.address_secrets import variables_in, with_variables

ENDING = ".toml"
#: In no name of a file on all systems.
_FORBIDDEN = frozenset('/\\:*?"<>|')
_MAX_BYTES = 1 << 20  # of a profile; the largest that makes sense has some thousand
#: What options are given, by their names: as on the command line, `True` for those without a value.
Settings = dict[str, str | bool | list[str]]


def profile_folder() -> Path:
    """Return where profiles lie. It need not exist."""
    return user_configuration() / "profiles"


def named_profile(name: str) -> Path:
    """Return the path of the profile with a name, whether it exists or not.

    Raises:
        CommandError: it is no name that a file can have everywhere.
    """
    stem = name.removesuffix(ENDING)
    is_bad = not stem or stem[0] in ".-" or stem[-1] in ". " or not stem.isprintable()
    if is_bad or _FORBIDDEN & set(stem):
        raise CommandError(
            f"profile {name!r}: is no name; letters, numbers, spaces, - and _ are allowed"
        )
    if len(os.fsencode(stem + ENDING)) > MAX_NAME_BYTES:
        raise CommandError(f"profile {name[:20]!r}...: the name is too long")
    return profile_folder() / (stem + ENDING)


def profile_names() -> list[str]:
    """Return the names of the profiles that there are."""
    return sorted(path.stem for path in profile_folder().glob(f"[!.]*{ENDING}"))


def find_profile(given: str) -> Path:
    """Return the path of a profile that is given by its name, or by a path with a slash in it.

    Raises:
        CommandError: there is none.
    """
    is_path = any(each and each in given for each in (os.sep, os.altsep))
    path = Path(given) if is_path else named_profile(given)
    if path.is_file():
        return path
    if is_path:
        raise CommandError(f"--profile {given}: there is no such file")
    names = profile_names()
    close = difflib.get_close_matches(path.stem, names, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    there = f"there are {', '.join(names)}{hint}" if names else "--save-profile NAME makes one"
    raise CommandError(f"--profile {given}: there is no such profile in {path.parent}; {there}")


def read_profile(path: Path, parser: Parser) -> Settings:
    """Return what a profile says.

    Args:
        path: of the file.
        parser: of the command whose options they are.

    Raises:
        CommandError: it is no TOML, or says something that the command does not know; names the
            file, the option and what is allowed.
        StreamError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > _MAX_BYTES:
        raise CommandError(f"{path}: is too large for a profile")
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise CommandError(f"{path}: is no TOML ({reason})") from error
    return checked(table, parser, path)


def checked(table: Mapping[str, Any], parser: Parser, path: Path) -> Settings:
    """Return what a file says as settings; see `read_profile`."""
    known = {option.name: option for option in parser.options}
    kept = [name for name, option in known.items() if option.is_kept]
    settings: Settings = {}
    for key, value in table.items():
        if key not in kept:
            close = difflib.get_close_matches(key, kept, 1)
            why = "is for the command line" if key in known else "is no option"
            allowed = f"did you mean {close[0]}?" if close else f"there are {', '.join(kept)}"
            raise CommandError(f"{path}: {key!r} {why}; {allowed}")
        try:
            settings[key] = _setting(known[key], value)
        except ValueError as error:
            raise CommandError(f"{path}: {key}: {error}") from error
    return settings


def _setting(option: Option, value: Any) -> str | bool | list[str]:
    """Return the value of an option in a file as on the command line.

    Raises:
        ValueError: it is none that the option takes; says what is.
    """
    if option.action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"true or false, got {value!r}")
        return value
    if not option.takes_several:
        return _text(option, value)
    return [_text(option, each) for each in (value if isinstance(value, list) else [value])]


def _text(option: Option, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        several = ", or a list of them" if option.takes_several else ""
        raise ValueError(f"a text or a number{several}, got {value!r}")
    option.check(str(value))
    return str(value)


def as_arguments(settings: Settings, parser: Parser) -> list[str]:
    """Return settings as they are written on a command line."""
    arguments: list[str] = []
    last: list[str] = []
    for option in parser.options:
        value = settings.get(option.name, False)
        if not option.action.option_strings:
            last += [str(value)] if value is not False else []
        elif isinstance(value, bool):
            arguments += [f"--{option.name}"] if value else []
        else:
            values = value if isinstance(value, list) else [value]
            arguments += [f"--{option.name}={each}" for each in values]
    return [*arguments, "--", *last] if last else arguments


def variables_of(settings: Settings) -> list[str]:
    """Return the variables that the addresses in settings take secrets from."""
    texts: list[str] = []
    for value in settings.values():
        texts += value if isinstance(value, list) else [str(value)]
    return list(dict.fromkeys(name for text in texts for name in variables_in(text)))


def given(arguments: Sequence[str], parser: Parser) -> Settings:
    """Return what a command line says, as it is written there, and nothing that it leaves out.

    Args:
        arguments: which `parser` has understood before.
        parser: of the command, which can parse nothing else afterwards.
    """
    for option in parser.options:
        option.action.default, option.action.type = argparse.SUPPRESS, None
    found = vars(parser.parse_args(arguments))
    return {
        option.name: found[option.action.dest]
        for option in parser.options
        if option.is_kept and option.action.dest in found
    }


@dataclass(frozen=True)
class CommandLine:
    """A command line on top of a profile.

    Attributes:
        options: of both, as the parser gives them; secrets in addresses are there.
        settings: of both, as they are written.
        of_profile: the names of those that the profile says.
        profile: its path, `None` without one.
    """

    options: argparse.Namespace
    settings: Settings
    of_profile: frozenset[str] = frozenset()
    profile: Path | None = None

    @contextmanager
    def profile_named(self) -> Iterator[None]:
        """Turn a `CommandError` about an option that the profile says into one that names it."""
        try:
            yield
        except CommandError as error:
            match = re.match(r"(-o|--[\w-]+):? ", str(error))
            name = "" if match is None else {"-o": "output"}.get(match[1], match[1].lstrip("-"))
            if match is None or name not in self.of_profile:
                raise
            rest = str(error)[match.end() :]
            raise CommandError(f"{self.profile}: {name}: {rest}") from error


def read_command_line(arguments: Sequence[str], make_parser: Callable[[], Parser]) -> CommandLine:
    """Return what a command line with `--profile` and `--save-profile` says.

    What it says counts more than the profile; of what may be given several times, the profile's
    counts where the command line has none.

    Raises:
        CommandError: see `find_profile` and `read_profile`.
        StreamError: a variable that an address names is not set.
    """
    options = make_parser().parse_args(arguments)
    if options.profile is None and options.save_profile is None:
        return CommandLine(_with_secrets(options), {})
    settings, path, of_profile = given(arguments, make_parser()), None, frozenset[str]()
    if options.profile is not None:
        path = find_profile(options.profile)
        beneath = read_profile(path, make_parser())
        of_profile = frozenset(beneath.keys() - settings.keys())
        parser = make_parser()
        settings = beneath | settings
        merged = parser.parse_args(as_arguments(settings, parser))
        # what no profile says is of this command line alone
        alone = {each.action.dest for each in parser.options if not each.is_kept}
        taken = {name: value for name, value in vars(options).items() if name in alone}
        options = argparse.Namespace(**(vars(merged) | taken))
    return CommandLine(_with_secrets(options), settings, of_profile, path)


def _with_secrets(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options with the values of the variables that their addresses name."""

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(each) for each in value]
        return with_variables(value) if isinstance(value, str) else value

    return argparse.Namespace(**{name: filled(value) for name, value in vars(options).items()})
