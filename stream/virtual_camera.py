"""A camera that other programs can choose: the output as a webcam for meetings."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from effects import over_black
from stream.frame import Output, OutputInfo, Sink, StreamError


class VirtualCamera(Sink):
    """`Sink` through pyvirtualcam: v4l2loopback on Linux, OBS's camera on macOS and Windows.

    Args:
        device: for example `/dev/video10`; `None` takes the first that is there.
        info: of the outputs.

    Raises:
        StreamError: pyvirtualcam or the system's virtual camera is missing, or busy.
    """

    main_thread = False

    def __init__(self, device: str | None, info: OutputInfo) -> None:
        """Open the device."""
        try:
            import pyvirtualcam
        except ImportError as error:
            raise StreamError(
                "virtualcam: needs the package pyvirtualcam; pip install 'maskcast[virtualcam]'"
            ) from error
        stream = info.stream
        try:
            self._camera: Any = pyvirtualcam.Camera(
                width=stream.width,
                height=stream.height,
                fps=float(stream.fps or 30),
                fmt=pyvirtualcam.PixelFormat.RGB,
                device=device,
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise StreamError(
                f"virtualcam: {device or 'no device'} cannot be opened ({reason}); on Linux: "
                "sudo modprobe v4l2loopback exclusive_caps=1; elsewhere install OBS"
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the device."""
        self._camera.close()

    @property
    def device(self) -> str:
        """Name of the device, as other programs show it."""
        return str(self._camera.device)

    def write(self, output: Output) -> None:
        """Send one output; where it is transparent it shows black. See `Sink`."""
        self._camera.send(over_black(output.image))
