"""Corrective machine unlearning by parties: adversary, developer and referee, each in a room of its own."""
