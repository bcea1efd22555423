"""One file per method: `unlearn(task, *, ...)`, its keyword arguments are its hyperparameters."""
