"""The shell around a job: command line, device, log, one-line errors. Imports no other room's business."""
