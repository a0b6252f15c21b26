"""Rotations, cameras, boxes, crops and alignment: pure functions on tensors and arrays."""
