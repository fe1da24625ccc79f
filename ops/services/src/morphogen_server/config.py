"""Configuration: command line over environment over JSON file, each value checked once."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
    model_validator,
)

from morphogen_http.bind import BindAddress, parse_bind_address
from morphogen_pir.cuckoo import DEFAULT_SEEDS, Seeds
from morphogen_pir.dpf import MAX_DOMAIN_BITS
from morphogen_pir.prg import BUILT_IN_KEYS, PrgKeys

PREFIX: Final = "MORPHOGEN_SERVER_"
CONFIG_VARIABLE: Final = PREFIX + "CONFIG"
# Where the variable of a setting is not simply PREFIX + NAME.
_OTHER_VARIABLES: Final = {
    "environment": PREFIX + "ENV",
    "admin_bearer_token": "MORPHOGEN_ADMIN_BEARER_TOKEN",
    "admin_snapshot_allowed_hosts": "MORPHOGEN_ADMIN_SNAPSHOT_ALLOWED_HOSTS",
    "admin_allow_local_snapshot": "MORPHOGEN_ADMIN_ALLOW_LOCAL_SNAPSHOT",
    "admin_snapshot_max_bytes": "MORPHOGEN_ADMIN_SNAPSHOT_MAX_BYTES",
}
MAX_BATCH: Final = 32  # questions in one /query/batch
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]{1,16}\Z|[0-9]{1,20}\Z")


class ConfigError(ValueError):
    """The configuration is refused; the message names the setting and quotes no value."""


def parse_u64(value: object) -> int:
    """An unsigned 64-bit number: an integer, decimal text or 0x text.

    Raises:
        ValueError: when it is none.
    """
    if isinstance(value, str) and _NUMBER.match(text := value.strip()):
        value = int(text, 16) if text[:2].lower() == "0x" else int(text)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise ValueError("must be an unsigned 64-bit number, decimal or 0x")
    return value


def parse_seeds(value: object) -> Seeds:
    """Three numbers, as `1,2,3` or as a list.

    Raises:
        ValueError: when they are not three, or no unsigned 64-bit numbers.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) != 3:
        raise ValueError("must be three comma-separated numbers")
    first, second, third = (parse_u64(part) for part in parts)
    return first, second, third


def parse_hex(value: object, size: int) -> bytes:
    """Exactly `size` bytes of hex, `0x` optional.

    Raises:
        ValueError: when it is not that.
    """
    if isinstance(value, bytes) and len(value) == size:
        return value
    text = value.removeprefix("0x") if isinstance(value, str) else ""
    if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", text):
        raise ValueError(f"must be {size} bytes of hex ({2 * size} digits, 0x optional)")
    return bytes.fromhex(text)


def _parse_bind(value: object) -> BindAddress:
    if isinstance(value, BindAddress):
        return value
    return parse_bind_address(value if isinstance(value, str) else "")


def _split_hosts(value: object) -> object:
    if isinstance(value, str):
        return [part.strip().lower() for part in value.split(",") if part.strip()]
    return value


_U64 = Annotated[int, BeforeValidator(parse_u64)]
_Positive = Annotated[_U64, Field(gt=0)]
_PrgKey = Annotated[bytes, PlainValidator(lambda value: parse_hex(value, 16))]


class ServerSettings(BaseModel):
    """Everything that the server can be told. Each has a variable and a JSON key."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    environment: Literal["dev", "test", "prod"] = "prod"
    bind_addr: Annotated[BindAddress, PlainValidator(_parse_bind)] = BindAddress("127.0.0.1", 3000)
    matrix_file: Path | None = None
    allow_synthetic_matrix: bool = False
    matrix_size_bytes: _Positive | None = None
    matrix_seed: _U64 = 42
    row_size_bytes: _Positive = 256
    seeds: Annotated[Seeds, PlainValidator(parse_seeds)] = DEFAULT_SEEDS
    block_number: _U64 = 0
    state_root: Annotated[bytes, PlainValidator(lambda value: parse_hex(value, 32))] = bytes(32)
    max_concurrent_scans: Annotated[_Positive, Field(le=1024)] = 32
    max_waiting: Annotated[_Positive, Field(ge=MAX_BATCH, le=65536)] = 256
    queue_deadline_ms: Annotated[_Positive, Field(le=60_000)] = 1000
    merge_interval_ms: _Positive = 1000
    disable_page_pir: bool = False
    page_domain_bits: Annotated[_U64, Field(le=MAX_DOMAIN_BITS)] = 25
    page_rows_per_page: Annotated[_Positive, Field(le=2**20)] = 1
    page_prg_key_0: _PrgKey | None = None
    page_prg_key_1: _PrgKey | None = None
    admin_bearer_token: SecretStr | None = None
    admin_snapshot_allowed_hosts: Annotated[frozenset[str], BeforeValidator(_split_hosts)] = (
        frozenset()
    )
    admin_allow_local_snapshot: bool = False
    admin_snapshot_max_bytes: _Positive = 2**30

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.matrix_file is None and not self.allow_synthetic_matrix:
            raise ValueError("matrix_file: required unless a synthetic matrix is allowed")
        if self.allow_synthetic_matrix and self.environment != "dev":
            raise ValueError("allow_synthetic_matrix: only in the dev environment")
        if self.matrix_file is not None and self.matrix_size_bytes is not None:
            raise ValueError("matrix_size_bytes: belongs to a synthetic matrix, not to a file")
        if not self.disable_page_pir:
            self.page_prg_keys()
        return self

    def page_prg_keys(self) -> PrgKeys:
        """The PRG keys of page queries; the built-in ones where none are set outside prod.

        Raises:
            ValueError: when they are missing in prod, only one is set, or they are unusable.
        """
        first, second = self.page_prg_key_0, self.page_prg_key_1
        if first is None and second is None and self.environment != "prod":
            return BUILT_IN_KEYS
        if first is None or second is None:
            missing = "page_prg_key_0" if first is None else "page_prg_key_1"
            raise ValueError(f"{missing}: required unless page PIR is disabled")
        try:
            return PrgKeys(first, second)
        except ValueError as error:
            raise ValueError(f"page_prg_key_0 and page_prg_key_1: {error}") from None


def variable_of(setting: str) -> str:
    """The environment variable of a setting."""
    return _OTHER_VARIABLES.get(setting, PREFIX + setting.upper())


def load_settings(flags: Mapping[str, Any], environ: Mapping[str, str]) -> ServerSettings:
    """Merge the sources and check the result.

    Args:
        flags: settings from the command line by name; None means not given. `config` names the
            JSON file.
        environ: the environment.

    Raises:
        ConfigError: one line that names what is wrong.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    file = given.pop("config", None) or environ.get(CONFIG_VARIABLE)
    merged = (_read_json(Path(file)) if file else {}) | _read_environment(environ) | given
    try:
        return ServerSettings(**merged)
    except ValidationError as error:
        raise ConfigError(_one_line(error)) from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"config file {path}: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"config file {path}: not a JSON document") from None
    if not isinstance(document, dict):
        raise ConfigError(f"config file {path}: not a JSON object")
    if unknown := sorted(document.keys() - ServerSettings.model_fields.keys()):
        raise ConfigError(f"config file {path}: unknown key {unknown[0]}")
    return document


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the environment sets, by name. Compose passes an unset variable on as an empty one,
    so empty counts as unset.
    """
    found: dict[str, Any] = {
        name: value
        for name in ServerSettings.model_fields
        if (value := environ.get(variable_of(name)))
    }
    # One environment may describe both servers of a pair; only this setting tells them apart.
    for_a, for_b = (environ.get(f"{PREFIX}{side}_MAX_CONCURRENT_SCANS") for side in "AB")
    if for_a and for_b and for_a != for_b:
        raise ConfigError(
            f"max_concurrent_scans: {PREFIX}A_MAX_CONCURRENT_SCANS and"
            f" {PREFIX}B_MAX_CONCURRENT_SCANS disagree"
        )
    if own := for_a or for_b:
        found["max_concurrent_scans"] = own
    return found


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}: {message}" if path else message
