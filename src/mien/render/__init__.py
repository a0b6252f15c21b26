"""Pictures of people without a graphics card, a display or GL: a z-buffer in numba, light, overlays, report strips."""
