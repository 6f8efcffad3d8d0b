"""How a Mask R-CNN is trained."""
