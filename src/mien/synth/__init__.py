"""Synthetic people with exact labels: bodies, poses, clothes, hair, places, cameras, and the pictures made of them."""
