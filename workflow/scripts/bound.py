"""Train what nobody can who does not know the truth: a bound of what unlearning can achieve."""

import argparse

from redress.developer.making import make_bound
from redress.formats.contents import TrainingView, Truth
from redress.formats.identity import OF_BOUND
from redress.launch.job import add_setup, identity_of, log, parser, provenance, run, setup_of
from redress.plugins import load


def main(arguments: argparse.Namespace) -> None:
    identity, setup = identity_of(arguments), setup_of(arguments)
    truth, (training, _) = Truth.load(identity), TrainingView.load(identity)
    view, labels, samples = load("bounds", arguments.bound).train_on(truth, training)
    told = TrainingView(view, labels, training.labels_in_doubt)
    made_from = {"truth": truth.seal}
    seconds = make_bound(identity, arguments.uses, setup, told, samples, made_from, provenance(arguments))
    log.info("trained on %d samples in %.1f s", len(samples), seconds)


if __name__ == "__main__":
    cli = parser(__doc__, *OF_BOUND)
    add_setup(cli)
    run(main, cli)
