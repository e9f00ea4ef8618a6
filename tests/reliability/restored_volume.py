"""A volume that is restored and harmed meanwhile, and the questions that are asked after each harm."""

from __future__ import annotations

from dataclasses import dataclass

from docker.errors import NotFound

from local.volumes.own_folder import own_folder
from tests.reliability.commands import Ended
from tests.reliability.volume_site import Content, VolumeSite, content_of
from tests.support.container_engines import ContainerEngine
from tests.support.workshop import Workshop

LIVE = "restore site --live --yes"
ROLLBACK = "restore site --rollback --yes"
LABELS = {"com.docker.compose.volume": "site"}
# A container that has nothing to do with the volume.
BYSTANDER = "bystander"
HALF = "may be away, empty or half filled"


@dataclass
class RestoredVolume:
    """A volume, which nobody mounts, and one backup of it."""

    site: VolumeSite
    backup: Content

    def holds(self) -> Content | None:
        """What the volume holds; None where it is away."""
        try:
            return content_of(self.site.engine.folder("site"))
        except NotFound:
            return None

    def prepare(self, command: str) -> tuple[Content, Content]:
        """What such a command finds in the volume, and what it is to put there."""
        self.site.change()
        changed = content_of(self.site.folder)
        if command == LIVE:
            return changed, self.backup
        self.must(LIVE)
        return self.backup, changed

    def must(self, command: str) -> Ended:
        """It succeeds."""
        ended = self.site.run(command)
        assert ended.code == 0, ended.told
        return ended

    def assert_nothing_lost(self, command: str, former: Content, target: Content) -> None:
        """The volume is whole, as it was or as it was to be, or the next command says that it may not be, and what it
        held comes back; the command goes through when it is given again, and then nothing of the killed one is left.
        """
        told = self.must("backup.list").told
        if HALF in told:
            self.must(ROLLBACK)
            assert self.holds() == former, "what the volume held before did not come back"
        else:
            assert self.holds() in (former, target), "the volume holds neither the old content nor the new one"
            self.assert_tidy()
            if command == ROLLBACK and self.holds() == former:
                self.must(ROLLBACK)
                assert self.holds() == target, "it cannot be gone back any more"
        self.must(LIVE)
        assert self.holds() == self.backup
        assert self.site.engine.api.inspect_volume("site")["Labels"] == LABELS
        self.assert_tidy()

    def assert_containers_run(self) -> None:
        """Whoever uses the volume can be made again; no container of ours is left, and the others were let be."""
        self.site.engine.run("web", "site")
        assert self.site.engine.names() == {BYSTANDER, "web"}
        assert [self.site.engine.state(name) for name in (BYSTANDER, "web")] == ["running", "running"]
        self.site.engine.api.remove_container("web", force=True)

    def assert_tidy(self) -> None:
        """Nothing of ours is there but kept copies."""
        names = [path.name for path in own_folder().rglob("*") if not path.name.endswith(".tar.gz")]
        left = [name for name in names if name != "mark" and not name.startswith("kept-")]
        assert not left, f"it outlived the next command: {left}"


def restorable(workshop: Workshop, engine: ContainerEngine) -> RestoredVolume:
    """One whose backup is in the store."""
    workshop.more["volumes"] = [{"name": "site"}]
    site = VolumeSite(workshop, engine, engine.volume("site", LABELS))
    engine.volume("other")
    engine.run(BYSTANDER, "other")
    site.change()
    made = RestoredVolume(site, content_of(site.folder))
    made.must("backup")
    return made
