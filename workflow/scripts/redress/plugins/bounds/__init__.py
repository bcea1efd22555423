"""One file per bound: `train_on(truth, training)`, what A is trained on by who knows the truth."""
