"""Files of photos: what they say of themselves, and what is written beside their pixels."""
