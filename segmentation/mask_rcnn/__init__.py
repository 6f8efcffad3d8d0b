"""Mask R-CNN as Matterport published it, and the small one on the portrait network."""
