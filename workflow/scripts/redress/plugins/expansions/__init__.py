"""One file per expansion: `expand(known, *, ...)`, which grows a deletion set."""
