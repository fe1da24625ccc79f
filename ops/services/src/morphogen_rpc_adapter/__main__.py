"""`python -m morphogen_rpc_adapter`."""

import sys

from morphogen_rpc_adapter.cli import main

sys.exit(main())
