"""Where frames come from."""

from stream.sources.opening import local_files, open_source

__all__ = ["local_files", "open_source"]
