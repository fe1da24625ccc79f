"""Reads for the probe `answers`: asks known questions through a published port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.adapters.probes.context import ProbeContext
from morphops.adapters.probes.published_port import direct_session, post, published
from morphops.core.probes.answers import NOT_ASKED, SHOWN, Answers
from morphops.core.verify.reading import Reading


def read_answers(probe: Answers, context: ProbeContext) -> Reading:
    """Ask all questions, or until it shows that no answers will come."""
    url, why = published(context, probe.service, probe.port)
    if not url:
        return Reading(False, why)
    asked = probe.fill_in(context.documents[probe.document].data)
    answers: list[Any] = []  # JSON, or a text that says why there is none
    errors = 0
    with direct_session() as session:
        for question in asked:
            answers.append(post(session, url + probe.path, question.request, probe.timeout))
            errors += isinstance(answers[-1], Mapping) and "error" in answers[-1]
            if isinstance(answers[-1], str) or errors == SHOWN:
                # The service does not answer, or only with errors: the rest would wait as long.
                answers += [NOT_ASKED] * (len(asked) - len(answers))
                break
    return probe.judge(asked, answers)
