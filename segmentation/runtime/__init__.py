"""A network and its weights become a function on arrays, on the device at hand."""
