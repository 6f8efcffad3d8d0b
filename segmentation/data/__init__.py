"""Annotated photos: their formats, and what is wrong with them."""

from segmentation.data.dataset_formats import read_dataset
from segmentation.data.parts.dataset import Annotation, Dataset, Photo

__all__ = ["Annotation", "Dataset", "Photo", "read_dataset"]
