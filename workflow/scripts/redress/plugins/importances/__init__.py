"""One file per importance, a statistic of M_o that a method's jobs share: `compute(...)`."""
