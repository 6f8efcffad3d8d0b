"""Workers: where they come from, and how they do jobs."""
