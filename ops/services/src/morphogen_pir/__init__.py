"""The pure core of private information retrieval: no sockets, no clocks, no configuration.

`dpf` splits a row number into two keys, `matrix` answers a key, `cuckoo` says in which rows an
account may stand, `rows` says what a row means, `wire` and `manifest` are the formats on the
wire and on disk.
"""

from typing import Final

__version__: Final = "0.1.0"
