"""Files of weights: fetching, reading and matching them against a network."""
