"""Annotated photos: their formats, and what is wrong with them."""

from segmentation.data.dataset import Annotation, Dataset, Photo
from segmentation.data.dataset_formats import read_dataset

__all__ = ["Annotation", "Dataset", "Photo", "read_dataset"]
