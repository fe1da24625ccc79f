"""A copy of our tasks and arguments shares nothing that Invoke changes."""

from __future__ import annotations

import copy

from invoke.parser.parser import Parser

from morphops.tasks import ns


def test_a_copied_task_has_help_texts_of_its_own() -> None:
    """Invoke takes the help texts out of a task when it makes arguments of them."""
    other = copy.deepcopy(ns)
    texts = dict(ns["deploy"].help)
    assert texts
    other["deploy"].get_arguments()
    assert other["deploy"].help != texts
    assert ns["deploy"].help == texts


def test_a_parser_reads_a_value_into_arguments_of_its_own() -> None:
    contexts = copy.deepcopy(ns).to_contexts()
    first, second = Parser(contexts=contexts), Parser(contexts=contexts)
    (called,) = first.parse_argv(["deploy", "--image=a", "--image=b", "--reason=x"])
    assert called.args["image"].value == ["a", "b"]
    (called,) = second.parse_argv(["deploy", "--image=c"])
    assert (called.args["image"].value, called.args["reason"].value) == (["c"], "")
    (deploy,) = [context for context in contexts if context.name == "deploy"]
    assert deploy.args["image"].value == []
