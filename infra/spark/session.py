"""The Spark context that workers run in: the one this process has already, as on Databricks, or one of its own."""

import logging
import os
import re
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acento.core.errors import InputError, TransientError, own_line
from acento.core.extras import require
from acento.core.settings import settings

_log = logging.getLogger(__name__)

FAILURES = 4
"""So often Spark tries a task before it gives up the whole; what clusters do anyway, and ``local[N]`` does not."""
DISCOVERY = Path(__file__).with_name("gpu-discovery.sh")
"""Tells Spark which GPUs a machine has."""
_DATABRICKS = "DATABRICKS_RUNTIME_VERSION"

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Session:
    """A Spark context, and whether it is ours to stop."""

    context: Any
    owned: bool

    def close(self) -> None:
        """Stop the context, if it was started here; what it ran is called off."""
        if self.owned and is_alive(self.context):
            self.context.stop()


def check_spark() -> None:
    """See that Spark could start here.

    Raises:
        InputError: pyspark or Java is missing.
    """
    require("spark", "The backend spark")
    home = os.environ.get("JAVA_HOME")
    java = Path(home, "bin", "java") if home else None
    if java is not None and not java.is_file():
        raise InputError(f"JAVA_HOME={home} has no bin/java: set it to the folder of Java 17 or newer, or unset it.")
    if java is None and shutil.which("java") is None and _DATABRICKS not in os.environ:
        raise InputError(
            "Spark needs Java 17 or newer, and there is none on the PATH: install it (on Debian `apt-get install "
            "openjdk-17-jre-headless`), or set JAVA_HOME."
        )


def current_master() -> str:
    """Return the master of the session that workers will run in: Databricks has one already, else the settings'."""
    return "databricks" if _DATABRICKS in os.environ else settings().spark_master


def is_local(master: str) -> bool:
    """Tell whether a master's executors are on this machine.

    >>> is_local("local[2]"), is_local("local-cluster[2,1,1024]"), is_local("spark://head:7077")
    (True, True, False)
    """
    return re.match(r"local($|[\[-])", master) is not None


def open_session(master: str, *, gpu: bool) -> Session:
    """Return this process's Spark context, or start one.

    Args:
        master: ``local[2]``, ``local-cluster[2,1,1024]``, ``spark://…``, ``yarn``; not asked where there is a context.
        gpu: whether each worker needs a GPU of its own.

    Raises:
        InputError: the session has no Spark context (Spark Connect), or the master is not one.
        TransientError: the cluster does not answer.
    """
    with _lock:
        there = _active()
        return Session(there, owned=False) if there is not None else Session(_start(master, gpu), owned=True)


def settings_of(master: str, *, gpu: bool) -> dict[str, str]:
    """Return what a context of our own is told, where ``spark-defaults.conf`` says nothing else.

    >>> settings_of("spark://head:7077", gpu=True)["spark.task.resource.gpu.amount"]
    '1'
    """
    found = {
        "spark.log.level": "ERROR",
        "spark.task.maxFailures": str(FAILURES),
        # workers begin when every executor is there: else the first one would get them all
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    }
    if is_local(master):
        found["spark.ui.enabled"] = "false"
    if master.startswith("local["):
        found["spark.driver.host"] = found["spark.driver.bindAddress"] = "127.0.0.1"
    elif gpu:
        found |= {
            "spark.executor.resource.gpu.amount": "1",
            "spark.executor.resource.gpu.discoveryScript": str(DISCOVERY),
            "spark.task.resource.gpu.amount": "1",
            # a process that has seen one GPU cannot change to another
            "spark.python.worker.reuse": "false",
        }
    return found


def retrying(master: str) -> str:
    """Return a master that tries a task again: ``local[2]`` by itself does not.

    >>> retrying("local[2]"), retrying("local"), retrying("local[*,1]"), retrying("spark://head:7077")
    ('local[2,4]', 'local[1,4]', 'local[*,1]', 'spark://head:7077')
    """
    if master == "local":
        return f"local[1,{FAILURES}]"
    return re.sub(r"^local\[([^,\]]+)\]$", rf"local[\1,{FAILURES}]", master)


def _active() -> Any:
    from pyspark import SparkContext

    if _DATABRICKS in os.environ:
        from pyspark.sql import SparkSession

        session = SparkSession.builder.getOrCreate()
        try:
            return session.sparkContext
        except Exception as error:
            raise InputError(
                "This Spark session has no Spark context (Spark Connect, serverless or a shared cluster): run on a "
                f"cluster with the access mode Dedicated. Spark says: {sentence(error)}"
            ) from None
    there = SparkContext._active_spark_context
    if there is not None and not is_alive(there):
        SparkContext._active_spark_context = None
        return None
    return there


def is_alive(context: Any) -> bool:
    """Tell whether a context's Java process is there and has not stopped it."""
    try:
        return not context._jsc.sc().isStopped()
    except Exception:  # whatever py4j makes of a process that is gone
        return False


def _gateway() -> Any:
    """Return the way to this process's Java, which is started if there is none or it has died."""
    from pyspark import SparkContext
    from pyspark.java_gateway import launch_gateway

    there = SparkContext._gateway
    if there is not None:
        try:
            there.jvm.java.lang.System.nanoTime()
            return there
        except Exception as error:
            _log.warning("Spark's Java process is gone (%s); another one is started.", error)
            SparkContext._gateway = SparkContext._jvm = None
    return launch_gateway()


def _start(master: str, gpu: bool) -> Any:
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException

    try:
        gateway = _gateway()
        conf = SparkConf(_jvm=gateway.jvm)  # with what spark-defaults.conf and PYSPARK_SUBMIT_ARGS say
        conf.setMaster(retrying(master)).setAppName("acento")
        conf.set("spark.ui.showConsoleProgress", "false")  # Spark's own default says otherwise for a Python driver
        for name, value in settings_of(master, gpu=gpu).items():
            conf.setIfMissing(name, value)
        context = SparkContext(conf=conf, gateway=gateway)
    except PySparkException as error:
        raise InputError(f"Spark did not start: {sentence(error)} Its own output above says more.") from error
    except Py4JError as error:
        said = sentence(error)
        if "parse master" in said.lower() or "malformed" in said.lower() or "invalid" in said.lower():
            raise InputError(
                f"ACENTO_SPARK_MASTER={master!r} is no Spark master: use local[2], spark://host:7077 or yarn. "
                f"Spark says: {said}"
            ) from None
        raise TransientError(f"The Spark session at {master} did not start: {said}") from error
    if is_local(master) and "PYSPARK_PYTHON" not in os.environ:
        context.pythonExec = sys.executable  # else the executors take what is called python3, and has no Acento
    return context


def sentence(error: BaseException) -> str:
    """Return what is worth reading of an error that Spark wraps several times: one line, without Java's trace."""
    java = getattr(error, "java_exception", None)
    return own_line(str(java.getMessage() if java is not None else error)) or type(error).__name__
