"""`run.py doctor`: what this system has, what is missing, and the command that mends it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from stream.commands.parts.cast_options import cast_parser
from stream.commands.parts.command_line import (
    CommandError,
    Parser,
    add_debug_option,
    as_started,
    say,
)
from stream.commands.parts.profiles import find_profile, profile_names, read_profile, variables_of


def run(arguments: Sequence[str]) -> int:
    """Run `doctor`; returns 1 if anything is wrong."""
    options = command_parser().parse_args(arguments)
    if options.service is not None:
        _write_service(options.service or _only_profile(), overwrite=options.overwrite)
        return 0
    from stream.doctor.examination import examine

    is_wrong = False
    for finding in examine():
        print(f"{finding.state:<8} {finding.topic:<15} {as_started(finding.text)}", flush=True)
        if finding.remedy:
            print(f"{'':<24} -> {as_started(finding.remedy)}", flush=True)
        is_wrong |= finding.state == "wrong"
    return int(is_wrong)


def command_parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        "doctor",
        description="Look at cameras and who has them, microphones, virtual camera, camera portal, "
        "display, ffmpeg, backends, GPU and weights.",
        epilog="exit code: 1 if anything is wrong, else 0; not everybody needs what is missing",
    )
    parser.add_argument(
        "--service",
        nargs="?",
        const="",
        metavar="PROFILE",
        help="instead, write a service of systemd that starts with the session, as a profile says",
    )
    told = "replace a service that exists"
    parser.add_argument("-y", "--overwrite", action="store_true", help=told)
    add_debug_option(parser)
    return parser


def _only_profile() -> str:
    names = profile_names()
    if len(names) == 1:
        return names[0]
    there = f"name one of {', '.join(names)}" if names else "--save-profile NAME makes one"
    raise CommandError(f"--service: needs a profile; {there}")


def _write_service(given: str, *, overwrite: bool) -> None:
    """Write it for a profile that can be understood, and say what is to be done with it."""
    from stream.doctor.service import COMMANDS, environment_path, service_text, write_service

    path = find_profile(given)
    settings = read_profile(path, cast_parser())
    # a service has another folder
    profile = given if Path(given).name == given else os.path.abspath(path)
    text = service_text(f"--profile {profile}", ["--profile", profile])
    say(f"service: {write_service(text, overwrite=overwrite)}")
    missing = variables_of(settings)
    if missing:
        lines = ", ".join(f"{name}=..." for name in missing)
        say(f"it needs {lines}: a line each in {environment_path()}, then chmod 600 that file")
    say("\n".join(COMMANDS))
