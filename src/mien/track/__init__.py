"""From people frame by frame to tracks: who is who, whom to keep, and how they move without trembling."""
