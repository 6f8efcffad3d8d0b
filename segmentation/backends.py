"""What networks can run on here, for people who wonder why they do not."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """Return the version of a package, `None` where it is not installed; loads nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def openvino_devices() -> list[str]:
    """Return the processors that OpenVINO sees, as their makers call them.

    Raises:
        ImportError: OpenVINO is not installed, or its libraries cannot be loaded.
        RuntimeError: it cannot look for devices.
    """
    from segmentation.runtime import import_openvino

    core = import_openvino().Core()
    return [
        f"{device}: {str(core.get_property(device, 'FULL_DEVICE_NAME')).strip()}"
        for device in core.available_devices
    ]
