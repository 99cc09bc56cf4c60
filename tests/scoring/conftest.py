"""One METEOR process for all tests of the folder, for it takes seconds to start: in the worst surroundings."""

from collections.abc import Iterator

import pytest

from pipeline.scoring import java, paraphrases
from pipeline.scoring import meteor as meteor_module
from pipeline.scoring.meteor import Meteor


@pytest.fixture(scope="session")
def meteor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meteor]:
    """A running METEOR: path with a space and an accent, C locale, no Java on the PATH, options for a German Java."""
    folder = tmp_path_factory.mktemp("packages") / "my own packages é"
    folder.symlink_to(java.jar("meteor", "meteor-1.5.jar").parents[1])
    with pytest.MonkeyPatch.context() as patch:
        for module in (meteor_module, paraphrases):
            patch.setattr(module, "jar", folder.joinpath)
        patch.setenv("LC_ALL", "C")
        patch.setenv("PATH", "/nowhere")
        for variable in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"):
            patch.setenv(variable, "-Duser.language=de -Duser.country=DE -Dfile.encoding=ISO-8859-1")
        process = Meteor()
    with process:
        yield process
