"""Python imports this by itself at every start: it makes a good server bad."""

import os
import sys
import time

FAULT = os.environ.get("FAULT", "")

if "morphogen-server" in (sys.argv[0] if sys.argv else "") or FAULT == "never-healthy":
    if FAULT == "never-healthy":
        print("migration 42 waits for a lock that nobody gives back", flush=True)
        time.sleep(3600)
    from morphogen_server.epoch import Epoch

    right = Epoch.answer

    def wrong_rows(self, kind, keys):
        """Bytes of the right length that are no row; A and B differ, so XOR does not heal it."""
        return [os.urandom(len(answer)) for answer in right(self, kind, keys)]

    def error(self, kind, keys):
        raise RuntimeError("the scan kernel is not available")

    if FAULT == "wrong-rows":
        Epoch.answer = wrong_rows
    elif FAULT == "query-error":
        Epoch.answer = error
