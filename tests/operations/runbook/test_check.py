"""One runbook that cannot be read keeps nobody from the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from morphops.core.results.runbook import RunbookCheck
from morphops.errors import ConfigError, InputError
from morphops.operations.runbook import check, show
from morphops.report import runbook as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import Recorder
from tests.paths import ROOT
from tests.results import valid

GOOD = """# Good

See [the other](bad.md#x).

## All

### 1. Look

```sh {name=look}
inv status
```

Expect:

- exit: 0
"""


def a_folder(path: Path) -> None:
    path.mkdir()


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere.md")


def binary(path: Path) -> None:
    path.write_bytes(b"# Bad\n\xff\xfe\n")


BAD: list[tuple[Callable[[Path], None], str]] = [
    (a_folder, "runbooks/bad.md: cannot be read: Is a directory; "),
    (a_dangling_link, "runbooks/bad.md: is a link to a file that does not exist; "),
    (binary, "runbooks/bad.md:2: is not UTF-8; "),
]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops/bundle.yaml").write_bytes((ROOT / "ops/bundle.yaml").read_bytes())
    (tmp_path / "tasks.py").write_bytes((ROOT / "tasks.py").read_bytes())
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks/good.md").write_text(GOOD)
    bundle = str(tmp_path / "ops/bundle.yaml")
    return open_site(Recorder(), {"MORPHOPS_BUNDLE": bundle, "MORPHOPS_STATE": str(tmp_path / "s")})


@pytest.mark.parametrize(("make", "says"), BAD)
def test_a_broken_one_is_a_finding_and_the_others_are_read(
    site: Site, tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    bad = tmp_path / "runbooks/bad.md"
    make(bad)
    good = check.read(site, "good")
    found = [str(finding) for finding in check.findings(site, [good], whole=False)]
    if make is a_dangling_link:
        assert [text for text in found if "link to bad.md: there is no such file" in text] == found
    else:
        assert found == []
        assert valid("runbook.check", check.check(site, "good"))["runbooks"] == {"good": 1}
    assert valid("runbook.show", show.show(site, "good"))["title"] == "Good"
    with pytest.raises(ConfigError, match=says.split(";", maxsplit=1)[0]):
        check.read(site, "bad")
    found_in_all = valid("runbook.check", check.check(site))
    assert (found_in_all["state"], found_in_all["exit"]) == ("findings", 2)
    texts = "\n".join(finding["text"] for finding in found_in_all["findings"])
    assert says in texts
    # What stands in one that cannot be read is not known.
    assert "stands in no runbook" not in texts
    every = check.every_finding(site)
    assert every is not None
    assert any(str(finding).startswith(says) for finding in every)


def test_a_runbook_that_is_not_there(site: Site) -> None:
    with pytest.raises(InputError) as refused:
        show.show(site, "goood")
    assert refused.value.what == "no runbook 'goood' (there are: good)"
    assert refused.value.hint == "inv runbook.show good"
    with pytest.raises(InputError, match="no runbook '"):
        show.show(site, "../ops/bundle")


def test_one_step_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    report.runbook_check(Reporter(), RunbookCheck(state="ok", runbooks={"a": 1, "b": 2}))
    assert capsys.readouterr().out == "a: ok, 1 step\nb: ok, 2 steps\n"
