"""One file per architecture: `build(channels, classes, *, ...)`, its keyword arguments set in config."""
