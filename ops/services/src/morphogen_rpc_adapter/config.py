"""Configuration: command line over environment over default, value by value."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from morphogen_http.bind import BindAddress, parse_bind_address
from morphogen_rpc_adapter.redact import is_http_url, redact_url

BIND_VARIABLE: Final = "MORPHOGEN_RPC_ADAPTER_BIND_ADDR"
_VARIABLES: Final = {"upstream": "UPSTREAM_RPC_URL", "dict_url": "DICT_URL", "cas_url": "CAS_URL"}
_URLS: Final = ("upstream", "dict_url", "cas_url", "pir_server_a", "pir_server_b", "tx_relay")

_Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]

_Reads = Annotated[int, Field(gt=0, le=65536)]
# What this process may use, not what the machine has.
CORES: Final = len(os.sched_getaffinity(0))


class ConfigError(ValueError):
    """The configuration is refused; the message names the setting and quotes no URL."""


class AdapterSettings(BaseModel):
    """Everything that the adapter can be told.

    URLs may be anything here, so that `--print-effective-config` can show what is wrong with
    them; `check_urls` refuses them before the start.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    upstream: str = "https://ethereum-rpc.publicnode.com"
    dict_url: str = "http://localhost:8080/mainnet_compact.dict"
    cas_url: str = "http://localhost:8080/cas"
    pir_server_a: str = "http://localhost:3000"
    pir_server_b: str = "http://localhost:3001"
    tx_relay: str | None = None
    bind_addr: BindAddress = BindAddress("127.0.0.1", 8545)
    environment: Literal["dev", "test", "prod"] = "prod"
    refresh_interval: _Seconds = 12
    upstream_timeout: _Seconds = 15
    max_in_flight: _Reads = 32 * max(2, CORES)
    queue_deadline: _Seconds = 0.15
    read_budget: _Seconds = 5
    fallback_to_upstream: bool = False
    allow_privacy_degraded_fallback: bool = False
    otel_traces: bool = False

    @model_validator(mode="after")
    def _check_fallback(self) -> Self:
        if (
            self.fallback_to_upstream
            and self.environment == "prod"
            and not self.allow_privacy_degraded_fallback
        ):
            raise ValueError(
                "--fallback-to-upstream in prod requires --allow-privacy-degraded-fallback:"
                " falling back reveals the address that was asked for"
            )
        return self

    def effective_urls(self) -> dict[str, str]:
        """What `--print-effective-config` shows."""
        return {name: redact_url(getattr(self, name)) for name in _VARIABLES}

    def check_urls(self) -> None:
        """Refuse what cannot be asked over HTTP.

        Raises:
            ConfigError: names the first such setting.
        """
        for name in _URLS:
            url = getattr(self, name)
            if url is not None and not is_http_url(url):
                raise ConfigError(f"{name}: must be an http or https URL")
        if self.pir_server_a.rstrip("/") == self.pir_server_b.rstrip("/"):
            # One server that sees both keys sees the address.
            raise ConfigError("pir_server_a and pir_server_b must be two different servers")


def load_settings(flags: Mapping[str, Any], environ: Mapping[str, str]) -> AdapterSettings:
    """Merge the sources and check the result.

    Args:
        flags: from the command line by name; None means not given. `port` replaces the port of
            the listening address.
        environ: the environment; an empty variable counts as unset.

    Raises:
        ConfigError: one line that names what is wrong.
    """
    merged: dict[str, Any] = {
        name: environ[variable] for name, variable in _VARIABLES.items() if environ.get(variable)
    }
    merged |= {name: value for name, value in flags.items() if value is not None}
    port = merged.pop("port", None)
    try:
        bind = parse_bind_address(environ.get(BIND_VARIABLE) or "127.0.0.1:8545")
    except ValueError as error:
        raise ConfigError(f"{BIND_VARIABLE}: {error}") from None
    if port is not None:
        try:
            bind = BindAddress(bind.host, parse_bind_address(f"localhost:{port}").port)
        except ValueError:
            raise ConfigError("port: must be a number up to 65535") from None
    try:
        return AdapterSettings(bind_addr=bind, **merged)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {message}" if path else message) from None
