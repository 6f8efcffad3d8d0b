"""What stands between aiortc and those who send it what no browser does.

aiortc believes most of what a peer says, and has no options about it: this reaches into it, which
is why its version is fixed in pyproject.toml. Nothing here decides about visitors: it is given
numbers and functions to call.
"""
