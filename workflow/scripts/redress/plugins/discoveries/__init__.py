"""One file per discovery: `discover(truth, share, generator, *, ...)`, who finds what of S_m."""
