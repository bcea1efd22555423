"""Measures of a model: files of functions marked with `redress.formats.measures.measure`."""
