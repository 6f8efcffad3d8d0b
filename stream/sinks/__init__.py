"""Where frames go."""

from stream.sinks.opening import encodes, is_file_ending, open_sink, place_of, wants_instances
from stream.sinks.parts.options import SinkOptions

__all__ = ["SinkOptions", "encodes", "is_file_ending", "open_sink", "place_of", "wants_instances"]
