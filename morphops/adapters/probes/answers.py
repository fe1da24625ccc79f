"""Reads for the probe `answers`: asks known questions through a published port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.adapters.probes.context import ProbeContext
from morphops.adapters.probes.published_port import direct_session, post, published
from morphops.adapters.probes.sample import draw
from morphops.core.probes.answers import NOT_ASKED, NOTHING_DRAWN, SHOWN, Answers
from morphops.core.verify.reading import Reading


def read_answers(probe: Answers, context: ProbeContext) -> Reading:
    """Ask all questions, or until it shows that no answers will come."""
    url, why = published(context, probe.service, probe.port)
    if not url:
        return Reading(False, why)
    document = context.documents[probe.document]
    try:
        drawn = draw(probe.sample, document, context.seed) if probe.sample else NOTHING_DRAWN
    except ValueError as err:
        return Reading(False, str(err), final=True)
    asked = probe.fill_in(document.data, drawn)
    answers: list[Any] = []  # JSON, or a text that says why there is none
    errors = 0
    with direct_session() as session:
        for question in asked:
            answers.append(
                post(session, url + probe.path, question.request, probe.timeout, probe.headers)
            )
            errors += isinstance(answers[-1], Mapping) and "error" in answers[-1]
            if isinstance(answers[-1], str) or errors == SHOWN:
                # The service does not answer, or only with errors: the rest would wait as long.
                answers += [NOT_ASKED] * (len(asked) - len(answers))
                break
    return probe.judge(asked, answers, drawn)
