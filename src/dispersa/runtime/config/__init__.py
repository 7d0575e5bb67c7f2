"""What has the user decided? One TOML file and the environment, validated, each value explained.

Importing this package takes some tenths of a second (pydantic and the rooms whose policies it
mirrors): do it inside the command that needs it.
"""

from dispersa.runtime.config.loading import (
    LoadedConfig,
    flattened,
    load_config,
    unavailable_secrets,
)
from dispersa.runtime.config.secrets import reveal
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.config.template import template

__all__ = [
    "LoadedConfig",
    "Settings",
    "flattened",
    "load_config",
    "reveal",
    "template",
    "unavailable_secrets",
]
