"""What a build has made so far: a configuration, layers, a history, and the key of it all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from posixpath import join, normpath
from typing import Any

from ...errors import BadInput
from ...kernel.checks import short_repr
from ..descriptors import CONFIG, MANIFEST, Descriptor, ImageConfig, ImageManifest, platform_here
from ..layout import Layout, digest_of
from ..store import Image
from .cache import key_of
from .steps import Command, ImageSetting

SHELL = ("/bin/sh", "-c")
FIELDS = {"CMD": "Cmd", "ENTRYPOINT": "Entrypoint", "SHELL": "Shell", "USER": "User", "STOPSIGNAL": "StopSignal"}


class BuildStage:
    """A base image, changed step by step. `epoch` is the time of all that is made: the same build, the same digest."""

    def __init__(self, base: Image | None, epoch: int) -> None:
        content = dict(base.config.content) if base else {**platform_here()}
        self.time = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.content: dict[str, Any] = {**content, "created": self.time}
        self.settings: dict[str, Any] = dict(base.config.settings) if base else {}
        self.layers = list(base.manifest.layers) if base else []
        self.diff_ids = list(base.config.diff_ids) if base else []
        self.history: list[dict[str, Any]] = [*(content.get("history") or ())]
        missing = len(self.layers) - sum(not entry.get("empty_layer") for entry in self.history)
        self.history += [{"created": self.time, "created_by": f"FROM {base.name}"} for _ in range(missing) if base]
        self.key = key_of(base.digest if base else "scratch", epoch)
        self.arguments: dict[str, str] = {}
        self._own_command = False

    @property
    def environment(self) -> dict[str, str]:
        """What ENV has set, here and in the base."""
        return ImageConfig({"config": self.settings}).environment

    @property
    def variables(self) -> dict[str, str]:
        """What the words of a line may refer to: ENV is stronger than ARG."""
        return {**self.arguments, **self.environment}

    @property
    def build_arguments(self) -> dict[str, str]:
        """The arguments that a RUN finds in its environment."""
        return {name: value for name, value in self.arguments.items() if name not in self.environment}

    @property
    def folder(self) -> str:
        """The working directory."""
        return self.settings.get("WorkingDir") or "/"

    def words(self, command: Command) -> tuple[str, ...]:
        """A command as its words: a text is for the shell."""
        return (*(self.settings.get("Shell") or SHELL), command) if isinstance(command, str) else command

    def note(self, said: str, layer: Descriptor | None = None) -> None:
        """Take a line into the history, with the layer that it has made."""
        if layer:
            self.layers.append(layer)
            self.diff_ids.append(layer.digest)  # it is not compressed
        self.history.append({"created": self.time, "created_by": said, **({} if layer else {"empty_layer": True})})

    def apply(self, setting: ImageSetting) -> None:
        """Change what the image says of itself."""
        word, value, settings = setting.word, setting.value, self.settings
        match word:
            case "ENV":
                settings["Env"] = [f"{name}={text}" for name, text in {**self.environment, **dict(value)}.items()]
            case "LABEL":
                settings["Labels"] = {**(settings.get("Labels") or {}), **dict(value)}
            case "EXPOSE":
                ports: dict[str, dict[str, str]] = {port: {} for text in value for port in ports_of(text)}
                settings["ExposedPorts"] = {**(settings.get("ExposedPorts") or {}), **ports}
            case "VOLUME":
                settings["Volumes"] = {**(settings.get("Volumes") or {}), **{path: {} for path in value}}
            case "HEALTHCHECK":
                settings["Healthcheck"] = dict(value)
            case "WORKDIR":
                settings["WorkingDir"] = normpath(join("/", self.folder, value))
            case "CMD" | "ENTRYPOINT":
                settings[FIELDS[word]] = list(self.words(value))
                if word == "ENTRYPOINT" and not self._own_command:
                    settings.pop("Cmd", None)  # the base's was for the base's entrypoint
                self._own_command |= word == "CMD"
            case _:
                settings[FIELDS[word]] = list(value) if word == "SHELL" else value

    # --- as an image
    @property
    def config(self) -> ImageConfig:
        """The configuration."""
        rootfs = {"type": "layers", "diff_ids": self.diff_ids}
        return ImageConfig({**self.content, "config": self.settings, "rootfs": rootfs, "history": self.history})

    def image(self) -> Image:
        """What there is so far as an image that has no name, and is not in the store."""
        raw = self.config.encode()
        manifest = ImageManifest(Descriptor(CONFIG, digest_of(raw), len(raw)), tuple(self.layers))
        return Image("the image", Descriptor(MANIFEST, digest_of(manifest.encode()), 0), manifest, self.config)

    def write(self, layout: Layout) -> Descriptor:
        """Keep the configuration and the manifest. Raises BadInput where a layer has been removed meanwhile."""
        if not all(map(layout.has, self.layers)):
            raise BadInput("a layer of this build was removed from the store meanwhile", hint="build once more")
        config = layout.write(self.config.encode(), CONFIG)
        return layout.write(ImageManifest(config, tuple(self.layers)).encode(), MANIFEST)


def ports_of(text: str) -> list[str]:
    """`80`, `53/udp` and `8000-8010/tcp` as a configuration has them. Raises BadInput."""
    ports, _, protocol = text.partition("/")
    first, _, last = ports.partition("-")
    numbers = [int(word) for word in (first, last or first) if word.isascii() and word.isdigit() and len(word) < 6]
    protocol = (protocol or "tcp").lower()
    if len(numbers) < 2 or not 0 < numbers[0] <= numbers[1] < 1 << 16 or protocol not in ("tcp", "udp", "sctp"):
        raise BadInput(f"{short_repr(text)} is no port", hint="80, 53/udp, 8000-8010/tcp")
    return [f"{port}/{protocol}" for port in range(numbers[0], numbers[1] + 1)]


def said_with(arguments: Mapping[str, str], words: tuple[str, ...]) -> str:
    """A RUN as a history has it: how many arguments of the build it has seen, these, and its words."""
    seen = [f"|{len(arguments)}", *(f"{name}={value}" for name, value in arguments.items())] if arguments else []
    return " ".join(["RUN", *seen, *words])
