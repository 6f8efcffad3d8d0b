"""Alpha at frame size: edges guided by the frame, blending over time."""
