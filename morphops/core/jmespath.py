"""JMESPath expressions (jmespath.org): what one finds, and why a text is not one."""

from __future__ import annotations

from typing import Any


def search(expression: str, data: Any) -> Any:
    """What a JMESPath expression finds; None where it finds nothing or does not fit the data.

    Args:
        expression: that `syntax_error` has nothing to say of.
        data: JSON of whatever type, and so is what is found.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(expression, data)
    except JMESPathError:
        return None


def syntax_error(expression: str) -> str:
    """Why a text is not a JMESPath expression; empty for one that is."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(expression)
    except JMESPathError as err:
        what = str(err).splitlines()[0].removeprefix("Invalid jmespath expression: ")
        return (
            f"not a JMESPath expression: {what.removesuffix(':').removesuffix(', for expression')}"
        )
    return ""
