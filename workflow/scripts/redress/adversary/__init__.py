"""Whoever knows the clean data and changes a part of it, and who finds what of that."""
