"""Measurements, each a ratio or a figure of one run, with the command that makes it."""
