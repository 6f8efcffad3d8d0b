"""All that talks to ffmpeg."""
