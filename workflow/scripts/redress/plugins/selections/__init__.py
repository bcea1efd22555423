"""One file per selection rule: `key(candidate, *, ...)`, the highest of which is selected."""
