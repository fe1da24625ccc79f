"""Env files, without their values."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from morphops.report.console import Reporter


def env_template(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Which generated files were written."""
    for path in view["written"] or ("every file is as the env schema has it",):
        reporter.say(path)


def env_init(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A new env file, and what a person has to fill in."""
    how = "encrypted" if view["encrypted"] else "mode 0600"
    reporter.say(f"made {view['path']}, {how}; fresh: {', '.join(view['made']) or 'nothing'}")
    if view["taken"]:
        reporter.say(f"as in the other file: {', '.join(view['taken'])}")
    where = f"--env-file={shlex.quote(view['path'])}"
    if view["template"]:
        where += f" --template={view['template']}"
    if view["left"]:
        reporter.say("left to fill in:")
        reporter.table(("variable", "what it is"), list(view["left"].items()))
        reporter.say(f"next: inv env.edit {where}")
    else:
        reporter.say(f"next: inv env.check {where}")


def env_check(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """An env file without findings."""
    how = ", encrypted" if view["encrypted"] else ""
    count = f"{view['variables']} variable" + ("" if view["variables"] == 1 else "s")
    reporter.say(f"{view['env_file']}: ok, {count}{how}")


def env_show(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Names, sources and fingerprints; no value."""
    # The file's whole path would stand in most rows.
    path = view["env_file"]
    reporter.say(path)
    rows = [
        (
            row["name"] + (" (secret)" if row["secret"] else ""),
            row["source"].replace(path, Path(path).name).removeprefix("the release's "),
            row["fingerprint"] or "-",
        )
        for row in view["variables"]
    ]
    reporter.table(("variable", "from", "fingerprint"), rows)


def env_identity(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Where the identity lies, and what others encrypt to."""
    reporter.say(f"{view['identity']}: {view['state']}")
    for recipient in view["recipients"]:
        reporter.say(recipient)
    if view["state"] == "made":
        reporter.say("keep a copy elsewhere: what is encrypted to it alone is lost with it")


def env_encrypt(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What is encrypted now, and for whom."""
    reporter.say(f"{view['env_file']}: encrypted")
    if view["removed"]:
        reporter.say(f"{view['removed']}: removed")
    numbers = ", ".join(map(str, view["deployments"]))
    reporter.say(f"values of deployments {numbers or '(none is kept)'}: encrypted")
    for number in view["left"]:
        reporter.say(f"values of deployment {number}: left as they are, nobody here can read them")
    reporter.say("for:")
    for recipient in view["recipients"]:
        reporter.say(f"  {recipient}")


def env_edit(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Whether anything was changed; values are not shown."""
    reporter.say(f"{view['env_file']}: {view['state']}, and right")
    # A deploy takes a whole file only.
    if view["changed"] and not view["template"]:
        reporter.say("next: inv deploy --image=… brings the new values")
