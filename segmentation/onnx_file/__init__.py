"""Networks of others in ONNX files, which find one foreground in one image."""
