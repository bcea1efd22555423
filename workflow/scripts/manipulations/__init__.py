"""One file per manipulation: a subclass of `redress.manipulation.Manipulation`."""
