"""Networks and what becomes of their masks; the only package that imports keras or openvino."""
