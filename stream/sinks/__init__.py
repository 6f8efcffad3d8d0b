"""Where frames go."""

from stream.sinks.opening import encodes, open_sink, wants_instances
from stream.sinks.parts.options import SinkOptions

__all__ = ["SinkOptions", "encodes", "open_sink", "wants_instances"]
