"""RF-DETR with masks as it was published: objects of 80 classes, without any suppression."""
