# `snakemake` in this folder runs what workflow/Snakefile declares. An include does not hand on its default target.
include: "workflow/Snakefile"


workflow.default_target = "correct" if experiment.cases else "all"
