"""`python -m lens_pipeline`: the command line."""

import sys

from lens_pipeline.pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())
