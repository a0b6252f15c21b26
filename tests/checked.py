"""The type checker of the tests' import hook: as PEP 484 has it, an int is fine where a float is asked for."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
