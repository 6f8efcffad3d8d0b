"""How the two bundled networks were made: trained, and exported into the package."""
