"""One file per manipulation: a subclass of `redress.adversary.manipulation.Manipulation`."""
