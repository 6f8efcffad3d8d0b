"""Training: targets, losses, the loops around them, and the export of what was learnt."""
