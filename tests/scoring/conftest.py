"""One METEOR process for all tests of the folder, for it takes seconds to start: in the worst surroundings."""

from collections.abc import Iterator

import pytest

from pipeline.scoring import java
from pipeline.scoring import meteor as meteor_module
from pipeline.scoring.meteor import Meteor


@pytest.fixture(scope="session")
def meteor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meteor]:
    """A running METEOR, started from a path with a space and an accent, in the C locale, with no Java on the PATH."""
    folder = tmp_path_factory.mktemp("packages") / "my own packages é"
    folder.symlink_to(java.jar("meteor", "meteor-1.5.jar").parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meteor_module, "jar", folder.joinpath)
        patch.setenv("LC_ALL", "C")
        patch.setenv("PATH", "/nowhere")
        process = Meteor()
    with process:
        yield process
