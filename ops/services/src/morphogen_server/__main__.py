"""`python -m morphogen_server`."""

import sys

from morphogen_server.cli import main

sys.exit(main())
