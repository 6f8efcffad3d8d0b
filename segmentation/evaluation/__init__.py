"""How well networks do on annotated photos and frames."""
