"""`run.py doctor`: what this system has, what is missing, and the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence

from stream.commands.parts.command_line import Parser, as_started


def run(arguments: Sequence[str]) -> int:
    """Run `doctor`; returns 1 if anything is wrong."""
    from stream.doctor.examination import examine

    parser = Parser(
        "doctor",
        description="Look at cameras and who has them, virtual camera, camera portal, display, "
        "ffmpeg, backends, GPU and weights.",
        epilog="exit code: 1 if anything is wrong, else 0; not everybody needs what is missing",
    )
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    parser.parse_args(arguments)
    is_wrong = False
    for finding in examine():
        print(f"{finding.state:<8} {finding.topic:<15} {as_started(finding.text)}", flush=True)
        if finding.remedy:
            print(f"{'':<24} -> {as_started(finding.remedy)}", flush=True)
        is_wrong |= finding.state == "wrong"
    return int(is_wrong)
