# Redress: corrective machine unlearning, from the images to the figures.
# A table of contents: the stages, in the order in which data passes through them.

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"


# Not read beside --configfile: two configs would be merged into one that nobody wrote.
if not workflow.overwrite_configfiles:

    configfile: readable_yaml("config.yaml")


for path in workflow.overwrite_configfiles:
    readable_yaml(path)

experiment = checked_experiment(config)


report: "workflow/report/workflow.rst"


include: "workflow/rules/prepare.smk"
include: "workflow/rules/manipulate.smk"
include: "workflow/rules/examples.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/importance.smk"
include: "workflow/rules/unlearn.smk"
include: "workflow/rules/selection.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/summarise.smk"
include: "workflow/rules/plot.smk"
include: "workflow/rules/page.smk"


rule all:
    default_target: True
    input:
        "results/report.html",
        figure_files("pdf", "png"),
        example_files("pdf", "png"),
        table_files(),
        saved_models(),
        intermediates(),
