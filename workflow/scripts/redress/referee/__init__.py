"""Whoever knows the truth, measures against it and chooses nothing. Imports no PyTorch."""
