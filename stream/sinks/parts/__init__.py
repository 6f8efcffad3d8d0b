"""What several sinks share, and pieces of one."""
