"""The tags and filters that the pages are written with."""
