"""One file per statistic of the original model that a method's jobs share: `compute(...)`."""
