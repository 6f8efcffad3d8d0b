"""Sources, sinks and the loop between them: numpy, OpenCV and ffmpeg, no networks."""
