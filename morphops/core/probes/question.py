"""A known question: made from a row of a document, with the answer that is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from morphops.core.jmespath import search


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A JSON-RPC request made from a row of a document, and the answer that is right.

    Attributes:
        name: what is asked (`balance`).
        when: JMESPath on the row; the question is asked where it is true.
        method: the JSON-RPC method.
        params: its parameters; a text `{…}` is a JMESPath into the row.
        expect: JMESPath into the row: the right result.
    """

    name: str
    method: str
    params: tuple[Any, ...]
    expect: str
    when: str = ""

    @property
    def expressions(self) -> Mapping[str, str]:
        """Path of the key → JMESPath."""
        params = {
            f"params/{place}": expression
            for place, param in enumerate(self.params)
            if (expression := _expression(param))
        }
        return {"when": self.when, "expect": self.expect, **params}

    def applies(self, row: Any) -> bool:
        """Whether it is asked of a row."""
        return not self.when or bool(search(self.when, row))

    def ask(self, row: Any, number: int) -> Asked:
        """Fill it in from a row.

        Args:
            row: JSON from the document.
            number: the id of the request.
        """
        params = [
            search(expression, row) if (expression := _expression(param)) else param
            for param in self.params
        ]
        request = {"jsonrpc": "2.0", "id": number, "method": self.method, "params": params}
        subject = str(params[0]) if params else ""
        return Asked(self.name, subject, request, search(self.expect, row))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is ready to be asked.

    Attributes:
        name: the question's.
        subject: its first parameter, for people.
        request: the body of the JSON-RPC request.
        expected: the right result; None where the document does not say it.
    """

    name: str
    subject: str
    request: Mapping[str, Any]
    expected: Any


def _expression(param: Any) -> str:
    """The JMESPath of a parameter that is written `{…}`; empty for any other."""
    if isinstance(param, str) and param.startswith("{") and param.endswith("}"):
        return param[1:-1]
    return ""
