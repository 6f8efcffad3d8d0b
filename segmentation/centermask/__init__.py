"""CenterMask2 as it was published."""
