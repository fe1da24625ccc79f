import json
from pathlib import Path
from typing import Any

import pytest

from morphogen_pir.prg import BUILT_IN_KEYS
from morphogen_server.cli import main
from morphogen_server.config import ConfigError, ServerSettings, load_settings, variable_of

PREFIX = "MORPHOGEN_SERVER_"
GOOD = {
    PREFIX + "MATRIX_FILE": "matrix.bin",
    PREFIX + "PAGE_PRG_KEY_0": "01" * 16,
    PREFIX + "PAGE_PRG_KEY_1": "0x" + "02" * 16,
}


def load(flags: dict[str, Any] | None = None, **environ: str) -> ServerSettings:
    return load_settings(flags or {}, GOOD | {PREFIX + name: v for name, v in environ.items()})


def refusal(flags: dict[str, Any] | None = None, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(flags, **environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults() -> None:
    settings = load()
    assert settings.environment == "prod"
    assert str(settings.bind_addr) == "127.0.0.1:3000"
    assert settings.row_size_bytes == 256
    assert settings.seeds == (0x1234, 0x5678, 0x9ABC)
    assert (settings.block_number, settings.state_root) == (0, bytes(32))
    assert settings.max_concurrent_scans == 32
    assert settings.merge_interval_ms == 1000
    assert (settings.disable_page_pir, settings.page_domain_bits) == (False, 25)
    assert settings.page_rows_per_page == 1
    assert settings.admin_bearer_token is None
    assert settings.admin_snapshot_allowed_hosts == frozenset()
    assert settings.admin_allow_local_snapshot is False
    assert settings.admin_snapshot_max_bytes == 2**30


# setting, text in the file, in the environment, on the command line (None: no flag), then what
# the environment's and the command line's text mean.
PRECEDENCE: list[tuple[str, Any, str, str | None, Any, Any]] = [
    ("environment", "dev", "test", "prod", "test", "prod"),
    ("bind_addr", "1.1.1.1:1", "[::1]:2", "h:3", "[::1]:2", "h:3"),
    ("matrix_file", "a", "b", "c", Path("b"), Path("c")),
    ("row_size_bytes", 8, "16", None, 16, None),
    ("seeds", [1, 2, 3], "4,0x5, 6", None, (4, 5, 6), None),
    ("block_number", 1, "0x10", None, 16, None),
    ("state_root", "11" * 32, "0x" + "22" * 32, None, b"\x22" * 32, None),
    ("max_concurrent_scans", 1, "2", None, 2, None),
    ("merge_interval_ms", 1, "2", None, 2, None),
    ("disable_page_pir", True, "false", None, False, None),
    ("page_domain_bits", 1, "9", None, 9, None),
    ("page_rows_per_page", 1, "4", None, 4, None),
    ("page_prg_key_0", "03" * 16, "04" * 16, None, b"\x04" * 16, None),
    ("page_prg_key_1", "05" * 16, "06" * 16, None, b"\x06" * 16, None),
    ("admin_snapshot_allowed_hosts", ["a"], "B, c:80", None, frozenset({"b", "c:80"}), None),
    ("admin_allow_local_snapshot", False, "1", None, True, None),
    ("admin_snapshot_max_bytes", 1, "2", None, 2, None),
]


@pytest.mark.parametrize(("name", "file", "env", "flag", "from_env", "from_flag"), PRECEDENCE)
def test_command_line_over_environment_over_file(
    tmp_path: Path, name: str, file: Any, env: str, flag: str | None, from_env: Any, from_flag: Any
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({name: file}))
    variable = variable_of(name)
    # Only this setting differs between the sources, so an empty environment shows the file's.
    base = {k: v for k, v in GOOD.items() if k != variable} | {PREFIX + "CONFIG": str(config)}

    def seen(flags: dict[str, Any], environ: dict[str, str]) -> Any:
        value = getattr(load_settings(flags, environ), name)
        return str(value) if name == "bind_addr" else value

    from_file = seen({}, base | {variable: ""})
    assert from_file != from_env
    assert seen({}, base | {variable: env}) == from_env
    if flag is not None:
        assert seen({name: flag}, base | {variable: env}) == from_flag


def test_the_config_flag_wins_over_its_variable(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / name).write_text(json.dumps({"block_number": value}))
    settings = load({"config": str(tmp_path / "b")}, CONFIG=str(tmp_path / "a"))
    assert settings.block_number == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"colour": 1}', "unknown key colour"),
        ("[]", "not a JSON object"),
        ("{", "not a JSON document"),
        ('{"seeds": [1, 2]}', "seeds: must be three"),
        ('{"block_number": true}', "block_number: must be an unsigned"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    config = tmp_path / "config.json"
    config.write_text(text)
    assert reason in refusal(CONFIG=str(config))
    assert "No such file" in refusal(CONFIG=str(tmp_path / "nope"))


BAD = [
    ({"ENV": "production"}, "environment: "),
    ({"BIND_ADDR": "3000"}, "bind_addr: must be host:port"),
    ({"BIND_ADDR": "h:70000"}, "bind_addr: must be host:port"),
    ({"MATRIX_FILE": ""}, "matrix_file: required"),
    ({"ALLOW_SYNTHETIC_MATRIX": "true"}, "allow_synthetic_matrix: only in the dev"),
    ({"ALLOW_SYNTHETIC_MATRIX": "maybe"}, "allow_synthetic_matrix: "),
    ({"MATRIX_SIZE_BYTES": "64"}, "matrix_size_bytes: belongs to a synthetic"),
    ({"ROW_SIZE_BYTES": "0"}, "row_size_bytes: "),
    ({"SEEDS": "1,2"}, "seeds: must be three"),
    ({"SEEDS": "1,2,18446744073709551616"}, "seeds: must be an unsigned 64-bit"),
    ({"BLOCK_NUMBER": "-1"}, "block_number: must be an unsigned"),
    ({"BLOCK_NUMBER": "1_000"}, "block_number: must be an unsigned"),
    ({"STATE_ROOT": "0x12"}, "state_root: must be 32 bytes of hex"),
    ({"MAX_CONCURRENT_SCANS": "0"}, "max_concurrent_scans: "),
    ({"MERGE_INTERVAL_MS": "0"}, "merge_interval_ms: "),
    ({"PAGE_DOMAIN_BITS": "41"}, "page_domain_bits: "),
    ({"PAGE_ROWS_PER_PAGE": "0"}, "page_rows_per_page: "),
    ({"PAGE_PRG_KEY_0": ""}, "page_prg_key_0: required"),
    ({"PAGE_PRG_KEY_1": ""}, "page_prg_key_1: required"),
    ({"PAGE_PRG_KEY_0": "00" * 16}, "page_prg_key_0 and page_prg_key_1: a PRG key must not be"),
    ({"PAGE_PRG_KEY_0": "02" * 16}, "page_prg_key_0 and page_prg_key_1: the two PRG keys must"),
    ({"PAGE_PRG_KEY_0": "02" * 15}, "page_prg_key_0: must be 16 bytes of hex"),
]


@pytest.mark.parametrize(("environ", "reason"), BAD)
def test_a_bad_value_is_named(environ: dict[str, str], reason: str) -> None:
    assert refusal(**environ).startswith(reason)


def test_page_keys_are_optional_where_the_contract_says_so() -> None:
    none = {"PAGE_PRG_KEY_0": "", "PAGE_PRG_KEY_1": ""}
    assert load(**none, DISABLE_PAGE_PIR="true").disable_page_pir
    for environment in ("dev", "test"):
        assert load(**none, ENV=environment).page_prg_keys() == BUILT_IN_KEYS
    assert "required" in refusal(**none)


def test_synthetic_data_are_for_dev() -> None:
    settings = load({}, MATRIX_FILE="", ENV="dev", ALLOW_SYNTHETIC_MATRIX="1", MATRIX_SEED="7")
    assert (settings.matrix_file, settings.matrix_seed) == (None, 7)


@pytest.mark.parametrize(
    ("a", "b", "plain", "expected"),
    [("", "", "5", 5), ("3", "", "5", 3), ("", "4", "5", 4), ("3", "3", "5", 3), ("3", "", "", 3)],
)
def test_a_servers_own_scan_limit_wins(a: str, b: str, plain: str, expected: int) -> None:
    settings = load(A_MAX_CONCURRENT_SCANS=a, B_MAX_CONCURRENT_SCANS=b, MAX_CONCURRENT_SCANS=plain)
    assert settings.max_concurrent_scans == expected


def test_two_scan_limits_that_disagree_are_refused() -> None:
    assert "disagree" in refusal(A_MAX_CONCURRENT_SCANS="3", B_MAX_CONCURRENT_SCANS="4")


def test_a_token_is_never_quoted() -> None:
    environ = GOOD | {"MORPHOGEN_ADMIN_BEARER_TOKEN": "hush-hush"}
    assert "hush" not in repr(load_settings({}, environ))
    with pytest.raises(ConfigError) as caught:
        load_settings({}, environ | {PREFIX + "BLOCK_NUMBER": "x"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "args", "reason"),
    [
        (0, [], "the matrix is empty"),
        (33, [], "33 bytes are no whole number of rows"),
        (64, ["--flag"], "unrecognized arguments: --flag"),
        (64, ["--environment=x"], "environment: "),
        (64, ["--matrix-file=/"], "/: Is a directory"),
        (None, [], "No such file"),
        (32 * 5, [], "page_domain_bits: 2 bits do not cover 5 pages, 3 do"),
    ],
)
def test_a_failed_start_is_one_line_and_one(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    size: int | None,
    args: list[str],
    reason: str,
) -> None:
    matrix = tmp_path / "matrix.bin"
    if size is not None:
        matrix.write_bytes(bytes(size))
    environ = {"MATRIX_FILE": str(matrix), "ROW_SIZE_BYTES": "32", "PAGE_DOMAIN_BITS": "2"}
    for name, value in (GOOD | {PREFIX + k: v for k, v in environ.items()}).items():
        monkeypatch.setenv(name, value)
    assert main(args) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("morphogen-server startup failed: ")
    assert reason in lines[0]


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "MORPHOGEN_SERVER_PAGE_PRG_KEY_0" in capsys.readouterr().out
