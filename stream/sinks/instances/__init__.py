"""Objects one by one: what is written of each."""
