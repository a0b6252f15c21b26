"""The paper's studies, each one command: what data hold, where networks look, what more data would buy."""
