"""`footnote mcp` with a fake encoder and no language model; what is printed must not be spoken."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]


def main() -> None:
    from fakes import WordEncoder

    from rag import cli, parts

    class NoisyEncoder(WordEncoder):
        """Prints as libraries do, from Python and from C."""

        def encode_queries(self, texts: Any) -> Any:
            print("loading weights: 100%", flush=True)
            os.write(1, b"a warning from C\n")
            return super().encode_queries(texts)

    parts.open_encoder = lambda settings, say: NoisyEncoder()
    sys.argv = ["footnote", "mcp", *sys.argv[1:]]
    cli.main()


if __name__ == "__main__":
    main()
