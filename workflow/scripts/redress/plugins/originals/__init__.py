"""One file per maker of M_o: `make(training, *, ...)`."""
