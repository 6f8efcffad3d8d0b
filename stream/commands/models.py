"""`run.py models`: the published weights, and which of them are on disk."""

from __future__ import annotations

from collections.abc import Sequence

from stream.commands.parts.command_line import CommandError, Parser, add_debug_option, say


def run(arguments: Sequence[str]) -> int:
    """Run `models`, `models fetch NAME` or `models remove NAME`."""
    from segmentation.weights.presets import PRESETS
    from segmentation.weights.store import fetch, remove, verify
    from stream.commands.parts.progress import download_bar

    options = command_parser().parse_args(arguments)
    if options.action is None:
        _list_models()
        return 0
    if options.name is None:
        raise CommandError(f"models {options.action}: name one of {', '.join(PRESETS)}")
    preset = PRESETS[options.name]
    if preset.notice:
        say(preset.notice)
    if options.action == "verify":
        print(verify(preset))
    elif options.action == "remove":
        say(f"{preset.name}: {'removed' if remove(preset) else 'was not on disk'}")
    else:
        with download_bar(preset.name) as on_progress:
            path = fetch(preset, on_progress)
        say(f"{preset.name}: {path}")
    return 0


def command_parser() -> Parser:
    """Return the parser."""
    from segmentation.weights.presets import PRESETS
    from segmentation.weights.store import folder

    parser = Parser("models", description=f"Published weights, kept in {folder()}.")
    add = parser.add_argument
    actions = ("fetch", "remove", "verify")
    add("action", nargs="?", choices=actions, help="what to do; left out: list all")
    names = tuple(PRESETS)
    add("name", nargs="?", choices=names, metavar="NAME", help=f"of weights: {', '.join(names)}")
    add_debug_option(parser)
    return parser


def _list_models() -> None:
    from segmentation.weights.bundled_weights import BUNDLED
    from segmentation.weights.store import listing

    width = max(len(row.preset.name) for row in listing())
    for each in BUNDLED:
        size = f"{each.num_bytes / 1e6:.0f} MB"
        print(f"{each.name:<{width}} in the package {size:>8}  {each.licence:<12}  {each.finds}")
    for row in listing():
        size = f"{row.num_bytes / 1e6:.0f} MB" if row.num_bytes else "?"
        place = "on disk" if row.path else "not on disk"
        figures = [f"box AP {row.preset.box_ap}" if row.preset.box_ap else ""]
        figures += [f"mask AP {row.preset.mask_ap}" if row.preset.mask_ap else ""]
        told = ", ".join(filter(None, [*figures, row.preset.speed or ""]))
        print(
            f"{row.preset.name:<{width}} {place:<13} {size:>9}  {row.preset.licence:<12}  "
            f"{row.preset.source:<47}  {told}".rstrip()
        )
