"""Env files, without their values."""

from __future__ import annotations

import shlex
from pathlib import Path

from morphops.core.results.env import (
    EnvCheck,
    EnvCreated,
    EnvEdited,
    EnvEncrypted,
    EnvIdentity,
    EnvSources,
    EnvTemplates,
)
from morphops.report import check
from morphops.report.console import Reporter


def env_template(reporter: Reporter, result: EnvTemplates) -> None:
    """Show which generated files were written."""
    for path in result.written or ("every file is as the env schema has it",):
        reporter.say(path)


def env_init(reporter: Reporter, result: EnvCreated) -> None:
    """Show a new env file, and what a person has to fill in."""
    how = "encrypted" if result.encrypted else "mode 0600"
    reporter.say(f"made {result.path}, {how}; fresh: {', '.join(result.made) or 'nothing'}")
    if result.taken:
        reporter.say(f"as in the other file: {', '.join(result.taken)}")
    where = f"--env-file={shlex.quote(result.path)}"
    if result.template:
        where += f" --template={result.template}"
    if result.left:
        reporter.say("left to fill in:")
        reporter.table(("variable", "what it is"), list(result.left.items()))
        reporter.say(f"next: inv env.edit {where}")
    else:
        reporter.say(f"next: inv env.check {where}")


def env_check(reporter: Reporter, result: EnvCheck) -> None:
    """Show what is wrong with an env file."""
    check.findings(reporter, result)
    if not result.findings:
        how = ", encrypted" if result.encrypted else ""
        count = check.counted(result.variables, "variable")
        reporter.say(f"{result.env_file}: ok, {count}{how}")


def env_show(reporter: Reporter, result: EnvSources) -> None:
    """Show names, sources and fingerprints; no value."""
    # The file's whole path would stand in most rows.
    path = result.env_file
    reporter.say(path)
    rows = [
        (
            row.name + (" (secret)" if row.secret else ""),
            row.source.replace(path, Path(path).name).removeprefix("the release's "),
            row.fingerprint or "-",
        )
        for row in result.variables
    ]
    reporter.table(("variable", "from", "fingerprint"), rows)


def env_identity(reporter: Reporter, result: EnvIdentity) -> None:
    """Show where the identity lies, and what others encrypt to."""
    reporter.say(f"{result.identity}: {result.state}")
    for recipient in result.recipients:
        reporter.say(recipient)
    if result.state == "made":
        reporter.say("keep a copy elsewhere: what is encrypted to it alone is lost with it")


def env_encrypt(reporter: Reporter, result: EnvEncrypted) -> None:
    """Show what is encrypted now, and for whom."""
    reporter.say(f"{result.env_file}: encrypted")
    if result.removed:
        reporter.say(f"{result.removed}: removed")
    numbers = ", ".join(map(str, result.deployments))
    reporter.say(f"values of deployments {numbers or '(none is kept)'}: encrypted")
    for number in result.left:
        reporter.say(f"values of deployment {number}: left as they are, no key here opens them")
    for path in result.leftovers:
        reporter.say(f"{path}: removed; a killed command had left it")
    for path in result.leftovers_left:
        reporter.say(f"{path}: could not be removed, and plain values may stand in it")
    reporter.say("for:")
    for recipient in result.recipients:
        reporter.say(f"  {recipient}")


def env_edit(reporter: Reporter, result: EnvEdited) -> None:
    """Show whether anything was changed; values are not shown."""
    reporter.say(f"{result.env_file}: {result.state}, and right")
    # A deploy takes a whole file only.
    if result.changed and not result.template:
        reporter.say("next: inv deploy --image=… brings the new values")
