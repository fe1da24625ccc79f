"""Imported by the process that `tests.forked` forks from."""

import gc

from tests import forked

forked.import_all()
gc.freeze()  # so that no fork looks at, and thereby copies, what was imported
