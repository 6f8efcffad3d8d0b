"""Who gets how much of what all visitors share: time, places, attempts."""
