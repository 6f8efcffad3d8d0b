"""What several commands share: their options, and what a person at a terminal sees and ends."""
