"""`python -m cli`, which is what `./airlock` runs."""

import os
from pathlib import Path

from cli.main import main

if __name__ == "__main__":
    # Relative paths in .env count from the project's root, those that a person types from where they stand.
    typed_from = Path.cwd()
    os.chdir(Path(__file__).resolve().parent.parent)
    main(prog_name="airlock", obj=typed_from)
