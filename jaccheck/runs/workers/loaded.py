"""Imported by the process that workers are forked from: importing this loads all that judging needs."""

from jaccheck.runs.workers.worker import load

load()
