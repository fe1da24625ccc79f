"""The kinds of probes that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from morphops.core.probes.agree import Agree
from morphops.core.probes.answers import Answers
from morphops.core.probes.checksum import Checksum
from morphops.core.probes.exec import Exec
from morphops.core.probes.http import Http
from morphops.core.probes.inside import Inside
from morphops.core.probes.same import Same

Probe: TypeAlias = Checksum | Same | Agree | Answers | Http | Exec | Inside

# By the word that stands at `kind:` in a bundle.
PROBES: Mapping[str, type[Probe]] = {
    "checksum": Checksum,
    "same": Same,
    "agree": Agree,
    "answers": Answers,
    "http": Http,
    "exec": Exec,
    "inside": Inside,
}
