# What Snakemake cannot see: products that somebody has changed, and results of which its records are lost.

from redress.formats.errors import DamagedFileError
from redress.plan.unrecorded import unlike


def made_by(script, method=None):
    """What says how the job of a result would make it now."""
    return MADE_BY[script, method]


def stage_results():
    """One result of every job: what names it, its kind, and what it would be made by."""
    yield from results_of_corrections() if experiment.cases else results_of_experiment()


def results_of_corrections():
    """Of corrections."""
    for case in experiment.cases:
        original = experiment.original(case)
        yield Identity(case), "pictures", made_by("ingest")
        yield original, "training_set", made_by("folds")
        yield original, "original", made_by("probe")
        yield Identity(case), "afforded", made_by("afford")
    for case in experiment.rehearsals:
        yield experiment.original(case), "training_set", made_by("plant")
        yield experiment.original(case), "original", made_by("train")
    for case in [*experiment.cases, *experiment.rehearsals]:
        original = experiment.original(case)
        for cell in experiment.grown(original):
            yield cell, "deletion_set", made_by("expand")
        for block in experiment.blocks_of(case):
            for cell in block.cells(original):
                yield from results_of_cell(block, cell)
        yield Identity(case), "shortlist", made_by("shortlist")
    for case in experiment.suspicious:
        yield Identity(case), "suspected", made_by("list_suspects")


def results_of_experiment():
    """Of an experiment."""
    for dataset in experiment.datasets:
        yield Identity(dataset), "pictures", made_by("prepare")
    for run in experiment.runs():
        yield run, "truth", made_by("manipulate")
        for bound in experiment.bounds:
            yield run.having(bound=bound), "bound", made_by("bound")
    for original in experiment.originals():
        yield original, "original", made_by("train")
        for cell in experiment.grown(original):
            yield cell.having(expansion=PLAIN), "deletion_set", made_by("discover")
            yield cell, "deletion_set", made_by("expand")
        for block in experiment.blocks(original.maker):
            for cell in block.cells(original):
                yield cell.having(expansion=PLAIN), "deletion_set", made_by("discover")
                for place, _ in block.trials(cell):
                    yield place.having(expansion=PLAIN), "deletion_set", made_by("withhold")
                    if place.expansion != PLAIN:
                        yield place, "deletion_set", made_by("expand")
                yield from results_of_cell(block, cell)
        yield original, "selection", made_by("selection")
        yield original, "measures", made_by("measure")


def results_of_cell(block, cell):
    """Of a method on a deletion set."""
    for place, names in places_of(block, cell):
        for name, over in experiment.importances(block.method, place.expansion):
            over = over.format(discovery=place.discovery, share=place.share)
            yield place.having(importance=name, over=over), "importance", made_by("importance")
        for candidate in names:
            yield place.having(candidate=candidate), "candidate", made_by("unlearn", block.method)


def changed_products():
    """Figures, tables and pages, where they are not what was made."""
    if experiment.cases:
        made = [*checked(), *expand(BESIDE_VERDICT, dataset=experiment.cases)]
        return [path for path in made if os.path.exists(path) and not products.is_intact(path)]
    made = [*table_files(), *figure_files("pdf", "png"), *example_files("pdf", "png")]
    made += suspect_files("pdf", "png")
    return [
        path
        for path in [*made, "results/report.html"]
        if os.path.exists(path) and not products.is_intact(path)
    ]


def look_again(wildcards):
    """Have made again what Snakemake would take for finished, and say so. An input function without input."""
    again = {
        "was changed after it was made": changed_products(),
        "was made by other settings or code, and Snakemake has no record of it": list(
            dict.fromkeys(unlike(stage_results()))
        ),
    }
    for what, paths in again.items():
        if paths:
            more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
            print(f"{paths[0]}{more}: {what}; it is made again", file=sys.stderr)
            # As --forcerun does. To have it done by that option would be to ask for these files, too.
            workflow.dag.forcefiles.update(paths)
    return []


# A table that somebody edited is theirs to keep or to delete.
if workflow.is_main_process and not experiment.cases:
    for path in filter(os.path.exists, table_files()):
        if products.is_sealed(path) and not products.is_intact(path):
            sys.exit(str(DamagedFileError(path, "was changed after it was made")))
