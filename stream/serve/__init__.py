"""The page for live demos: a visitor's webcam goes out by WebRTC and comes back masked."""
