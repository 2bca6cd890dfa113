"""A report as one HTML page: no script, no other file, every text escaped."""
