"""What can be asked of Modal for an image and a machine; nothing here is a secret's value."""

from pydantic import BaseModel, Field, field_validator

DAY_S = 24 * 60 * 60
"""The longest that a sandbox or a function's input may take, in seconds."""


class ImageSpec(BaseModel):
    """What an image is made of."""

    image: str = Field(
        "python:3.11-slim-bookworm",
        description="The image to begin with, as a registry names it; it must have Python and pip.",
    )
    image_id: str | None = Field(
        None, description="An image that Modal has built already (im-…); nothing is added to it."
    )
    registry_secret: str | None = Field(
        None,
        description="The name of a Modal secret with REGISTRY_USERNAME and REGISTRY_PASSWORD, for a private registry.",
    )
    apt_packages: list[str] = Field(default_factory=list, description="Debian packages to install.")
    pip_packages: list[str] = Field(default_factory=list, description="Python packages to install, such as torch==2.9.")
    constraints: str | None = Field(
        None, description="A file of the worker's machine with the versions that Python packages are held to."
    )
    wheel: str | None = Field(
        None, description="A wheel on the worker's machine, installed after the packages; such as your project's."
    )
    source: str | None = Field(
        None, description="A project's folder on the worker's machine, installed like the wheel."
    )
    extras: list[str] = Field(
        default_factory=list, description="Extras (optional dependencies) of the wheel or the source to install too."
    )
    commands: list[str] = Field(default_factory=list, description="Shell commands that end the building of the image.")

    @field_validator("image")
    @classmethod
    def _not_empty(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("an image needs a name")
        return value.strip()


class MachineSpec(ImageSpec):
    """What a sandbox and a function's container alike can be given."""

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
        default_factory=dict,
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
