"""One file per source of images: `describe` (cheap, read while planning) and `load`."""
