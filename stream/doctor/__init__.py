"""What `run.py doctor` looks at."""
