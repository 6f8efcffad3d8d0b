"""What there is to be measured on a GPU, in parts that may be spread over several calls."""
