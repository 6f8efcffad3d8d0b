"""YOLACT and YOLACT++ as they were published."""
