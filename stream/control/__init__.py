"""The control page and its API: what keys in the window do, from elsewhere."""
