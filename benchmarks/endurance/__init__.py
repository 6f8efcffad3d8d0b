"""What runs long or provokes accidents: kills, hours, visitors who behave badly."""
