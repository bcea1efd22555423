"""Corrective machine unlearning by parties: an adversary, a developer and a referee, each in a room of its own."""
