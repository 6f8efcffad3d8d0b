"""Jobs, how they are done, and what is known of those that were."""
