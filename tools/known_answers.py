"""Record what the shipped weights must answer to the known input: src/mien/nets/data/known_answers.json.

python tools/known_answers.py
"""

from __future__ import annotations

import torch

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.evaluate.known_answer import SHIPPED_ANSWERS, answer_of, record_known
from mien.evaluate.predicting import NetworkPredictor
from mien.nets.weights import SHIPPED, load_weights


def main() -> None:
    """Of every file that ships."""
    for path in sorted(SHIPPED.glob("*.safetensors")):
        network, card = load_weights(path, dtype=torch.float32)
        body = BodyModel.load(find_body(None, family=card.body_family))
        record_known(SHIPPED_ANSWERS, path.stem, answer_of(NetworkPredictor(network=network, body=body)))


if __name__ == "__main__":
    main()
