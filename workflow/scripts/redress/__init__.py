"""The protocol of corrective unlearning: what every stage of the pipeline shares."""
