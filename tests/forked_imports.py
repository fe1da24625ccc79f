"""Imported by the process that `tests.forked` forks from."""

from tests import forked

forked.import_all()
