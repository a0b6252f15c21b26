"""The studies of the paper: many trainings and evaluations, one question, one page. See docs/studies.md."""
