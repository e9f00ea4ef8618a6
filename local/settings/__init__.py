"""Invoke's configuration, validated into frozen settings: `sections` says what may stand in it, `checks` what a type
cannot say of a value, `reading` makes the one of the other.
"""

from local.settings.reading import DECLARED, check_shape, load
from local.settings.sections import (
    NAME,
    VOLUME_NAME,
    AlertSettings,
    AzureSettings,
    BackupSettings,
    Cloud,
    Database,
    DrillScheduleSettings,
    DrillSettings,
    EndpointSettings,
    Proving,
    RestoreSettings,
    RetentionSettings,
    ScheduleSettings,
    Settings,
    StoreSettings,
    Volume,
)

__all__ = (
    "DECLARED",
    "NAME",
    "VOLUME_NAME",
    "AlertSettings",
    "AzureSettings",
    "BackupSettings",
    "Cloud",
    "Database",
    "DrillScheduleSettings",
    "DrillSettings",
    "EndpointSettings",
    "Proving",
    "RestoreSettings",
    "RetentionSettings",
    "ScheduleSettings",
    "Settings",
    "StoreSettings",
    "Volume",
    "check_shape",
    "load",
)
