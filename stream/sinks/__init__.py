"""Where frames go."""

from stream.sinks.opening import open_sink, wants_instances
from stream.sinks.options import SinkOptions

__all__ = ["SinkOptions", "open_sink", "wants_instances"]
