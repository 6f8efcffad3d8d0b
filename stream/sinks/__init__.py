"""Where frames go."""

from stream.sinks.opening import SinkOptions, open_sink

__all__ = ["SinkOptions", "open_sink"]
