# The user's configuration files, read by the package's own reader before anything is made of them: a key that stands
# twice, aliases that multiply and all else that `avsd` refuses are refused here too. Snakemake itself has read the files
# of the command line by then, and keeps what it understood.

import sys

sys.path.insert(0, str(workflow.basedir))

from pipeline.errors import UserError

try:
    from pipeline.config.reading import read_settings

    for path in workflow.overwrite_configfiles:
        read_settings(path)
except UserError as error:
    sys.exit(f"error: {error}")
