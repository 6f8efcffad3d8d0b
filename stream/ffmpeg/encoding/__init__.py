"""How pictures become a file or a stream: codecs, containers, and frames on their way to ffmpeg."""
