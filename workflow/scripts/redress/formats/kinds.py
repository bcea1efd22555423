"""Annotations of hyperparameters and settings that say more than a type; the config check reads them."""

PositiveInt = int
PositiveFloat = float
Fraction = float  # from 0 to 1
