"""A Ray of two worker processes on this machine, started when it is first needed."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import tempfile
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from odps_frames.config import Config

__all__ = ["start", "stop"]

STORE_BYTES = 150 << 20
SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # no other machine may join: loopback alone
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # older ones warn of what they will do
}
WORKERS = {"num_workers_soft_limit": 6, "idle_worker_killing_time_threshold_ms": 600_000}
"""Workers are kept: to start one takes longer than any question."""
_folders: list[str] = []


def start(config: Config) -> None:
    """Start it, where it does not run yet; workers find the secret in their surroundings."""
    if _folders:
        return
    surroundings = {
        **SETTINGS,
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "ODPS_ACCESS_ID": config.access_id or "",
        "ODPS_ACCESS_KEY": config.secret_access_key or "",
    }
    _folders.append(tempfile.mkdtemp(prefix="ray"))
    os.environ.update({name: surroundings[name] for name in (*SETTINGS, "RAY_AUTH_TOKEN")})
    import ray  # noqa: PLC0415  it reads its settings when it is imported

    with mock.patch.dict(os.environ, surroundings):
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=_folders[0],
            _system_config=WORKERS,
        )
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)


def stop() -> None:
    """Stop it, where it runs."""
    if not _folders:
        return
    import ray  # noqa: PLC0415  only where it was started

    ray.shutdown()
    shutil.rmtree(_folders.pop(), ignore_errors=True)
