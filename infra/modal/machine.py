"""The machine that work on Modal is given: image, GPU, cores, memory, time, volumes, and secrets by name."""

from pydantic import Field, field_validator

from infra.modal.image import ImageSpec

DAY_S = 24 * 60 * 60
"""The longest that a sandbox or a function's input may take, in seconds."""
VOLUMES = {
    "/acento/datasets": "acento-datasets",
    "/acento/models": "acento-models",
    "/acento/results": "acento-results",
}
"""The volumes that are mounted unless somebody says otherwise, by where."""


class Machine(ImageSpec):
    """What may be set of a machine, for a sandbox and for a function's container alike."""

    gpu: str | None = Field(
        None,
        description="The GPU, such as L4, A100-80GB or H100:2; after a comma, what else will do when there is none: "
        "L40S,A100. Empty: no GPU.",
        examples=["L4", "L40S,A100", "H100:2"],
    )
    cpu: float | None = Field(None, gt=0, description="CPU cores to reserve; Modal's default is an eighth of one.")
    cpu_limit: float | None = Field(None, gt=0, description="CPU cores that may be used at most.")
    memory: int | None = Field(None, gt=0, title="Memory (MiB)", description="MiB of memory to reserve.")
    memory_limit: int | None = Field(
        None, gt=0, title="Memory limit (MiB)", description="MiB of memory above which the process is killed."
    )
    timeout: int = Field(
        DAY_S, ge=1, le=DAY_S, title="Timeout (seconds)", description="How long the work may take: 24 hours at most."
    )
    volumes: dict[str, str] = Field(
        VOLUMES,
        description="Modal volumes (version 2) to mount, by the path where; those that do not exist are made.",
    )
    secrets: list[str] = Field(
        default_factory=list,
        description="Names of Modal secrets whose values are there as environment variables.",
    )
    region: list[str] = Field(default_factory=list, description="Regions to be in, such as eu or us-east.")
    cloud: str | None = Field(None, description="The cloud provider: aws, gcp, oci or auto.")
    modal_environment: str | None = Field(
        None, description="The environment of the Modal workspace; default: the one the token is set to."
    )

    @field_validator("volumes")
    @classmethod
    def _mountable(cls, value: dict[str, str]) -> dict[str, str]:
        for path in value:
            if not path.startswith("/") or path in ("/", "/root", "/tmp"):
                raise ValueError(f"a volume cannot be mounted at {path!r}; name a folder of its own, such as /data")
        if len(set(value.values())) < len(value):
            raise ValueError("a volume can be mounted at one path only")
        return value

    @property
    def gpus(self) -> list[str]:
        """The GPUs to ask for, the first choice first; none: no GPU."""
        return [one.strip() for one in (self.gpu or "").split(",") if one.strip()]

    @property
    def cores(self) -> float | tuple[float, float] | None:
        """CPU cores as Modal's client takes them: a request, or a request and a limit."""
        return self.cpu if self.cpu_limit is None else (self.cpu or self.cpu_limit, self.cpu_limit)

    @property
    def mebibytes(self) -> int | tuple[int, int] | None:
        """Memory as Modal's client takes it: a request, or a request and a limit."""
        return self.memory if self.memory_limit is None else (self.memory or self.memory_limit, self.memory_limit)
