"""What the body of an answer has to be, for the probes that ask one URL."""

from __future__ import annotations

import json

from morphops.core.jmespath import search
from morphops.core.probes.values import brief
from morphops.core.verify.reading import Reading


def unmet(expect: str, body: bytes, who: str) -> Reading | None:
    """Returns why a body is not as expected; None where it is.

    Args:
        expect: JMESPath on the JSON body that must be true; empty: the body does not matter.
        body: as it came.
        who: gave it, as the reason names it.
    """
    if not expect:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return Reading(False, f"{who} answers with something else than JSON")
    if search(expect, found) is not True:
        return Reading(False, f"{who}: {expect} is not true of {brief(found)}")
    return None
