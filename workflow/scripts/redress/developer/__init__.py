"""Whoever has a bad model: S_tr with given labels, S_f, validation data, M_o and the recipe; no truth."""
