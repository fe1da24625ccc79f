"""Imported by the process that `tests.forked` forks from."""

import gc

from tests import forked

try:
    forked.import_all()
except ImportError as err:
    # The process would go on without a word, and every fork would import what is left by itself.
    raise RuntimeError(f"what every fork needs cannot be imported: {err}") from err
gc.freeze()  # so that no fork looks at, and thereby copies, what was imported
