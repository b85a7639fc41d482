"""The tap: its settings, how they are validated, and which streams there are."""

from __future__ import annotations

import logging
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Tap
from singer_sdk.cli import plugin_cli
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.tap_base import CliTestOptionValue

from tap_ayra.api import AyraClient
from tap_ayra.cli import AyraCommand, check_log_level, is_only_watched, only_warnings
from tap_ayra.input_files import InputFile, check_catalog, check_state, read_config
from tap_ayra.messages.cli import NOTHING_SELECTED
from tap_ayra.messages.settings import UNUSABLE
from tap_ayra.output.batch import BatchWriter
from tap_ayra.output.writer import BufferedWriter
from tap_ayra.redaction import redact_logs
from tap_ayra.replication.state_file import read_state
from tap_ayra.settings import (
    DECLARED,
    Settings,
    confidential,
    config_schema,
    environment_config,
    find_problems,
    invalid_settings,
    normalize,
    unknown_variables,
)
from tap_ayra.signals import stop_on_signal
from tap_ayra.streams.catalog import Offer, complete
from tap_ayra.streams.connection import check_connection, impatient_client
from tap_ayra.streams.conversations import Conversations
from tap_ayra.streams.transcripts import TranscriptMessages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from singer_sdk import Stream


class TapAyra(Tap):
    """Singer tap for the conversations of Ayra's AI voice agents."""

    name = "tap-ayra"
    config_jsonschema: ClassVar[dict[str, Any]] = config_schema(DECLARED)
    #: Every stream that there is.
    stream_types: ClassVar[tuple[type[Conversations], ...]] = (Conversations, TranscriptMessages)
    message_writer: BufferedWriter

    def __init__(self, *, catalog: Any = None, **kwargs: Any) -> None:  # noqa: ANN401  as the SDK
        """Make the tap; a catalog is completed by what its streams say of themselves."""
        if isinstance(catalog, dict):
            offers = {each.name: Offer(each.schema, each.keys) for each in self.stream_types}
            catalog = complete(catalog, offers)
        super().__init__(catalog=catalog, **kwargs)

    def discover_streams(self) -> Sequence[Stream]:
        """Give the streams that there are."""
        return [stream(self) for stream in self.stream_types]

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams by name; a catalog that selects none of them is warned of once."""
        is_first = self._streams is None
        streams = super().streams
        if is_first and self.input_catalog and not any(each.selected for each in streams.values()):
            NOTHING_SELECTED().log(self.logger, logging.WARNING)
        return streams

    @property
    def message_writer_class(self) -> Callable[[], BufferedWriter]:  # type: ignore[override]
        """How the writer is made, which the SDK does once the settings are known."""
        batches = self.config.get("batch_config")
        return partial(BatchWriter, batches) if batches else BufferedWriter

    @cached_property
    def client(self) -> AyraClient:
        """The one client of all streams: one session, one limiter for the key, one patience."""
        testing = any(stream.ABORT_AT_RECORD_COUNT for stream in self.streams.values())
        make = impatient_client if testing or is_only_watched() else AyraClient
        return make(Settings.from_config(self.config), self.logger)

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        """The settings from the environment, as texts."""
        cls.append_builtin_config(cls.config_jsonschema)
        return environment_config(cls._env_var_prefix, cls.config_jsonschema["properties"])

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Validate all settings before any request and report every problem."""
        self.append_builtin_config(self.config_jsonschema)
        properties = self.config_jsonschema["properties"]
        self._config = normalize(self._config, properties)
        redact_logs(confidential(self._config))
        streams = {stream.name: stream.schema["properties"] for stream in self.stream_types}
        problems = find_problems(self._config, self.config_jsonschema, streams)
        if raise_errors:
            for unknown in unknown_variables(self._env_var_prefix, properties):
                unknown.log(self.logger, logging.WARNING)
            if problems:
                raise invalid_settings(problems)
        return [*problems]

    def setup_mapper(self) -> None:
        """Prepare the stream maps; one that cannot work is a problem of the settings."""
        try:
            super().setup_mapper()
        except (MappingError, AttributeError, TypeError) as error:  # the latter two of Faker
            raise invalid_settings([UNUSABLE(reason=error)]) from error

    def load_state(self, state: dict[str, Any]) -> None:
        """Load a state in any of the forms in which people have it.

        Raises:
            TapAyraError: if it is none.
        """
        super().load_state(read_state(state))

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop within seconds, the last STATE first."""
        stop_on_signal(signum, self.message_writer, self.state)

    @plugin_cli
    def cli(cls) -> click.Command:  # noqa: N805
        """The command line, whatever the environment says of the log level."""
        problem = check_log_level(cls._env_var_prefix)
        command = super().cli
        if problem:
            problem.log(cls.logger, logging.WARNING)
        return command

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line, in which expected failures are told without a traceback."""
        command = super().get_singer_command()
        checks = {"catalog": check_catalog, "state": check_state}
        for option in command.params:
            if option.name in checks:
                option.type = InputFile(checks[option.name])
        return AyraCommand(
            command.name,
            callback=command.callback,
            context_settings=command.context_settings,
            params=command.params,
            help=command.help,
            logger=cls.logger,
        )

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ANN401
        """Read the files of settings; ``ENV`` stands for the environment."""
        given = super().cb_config(ctx, param, tuple(name for name in value if name == "ENV"))
        for file in value:
            given.config.update({} if file == "ENV" else read_config(file))
        return given

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Test the connection, at the cost of two requests at most, and print one line."""
        if value != CliTestOptionValue.All.value:
            super().cb_test(ctx, param, value)
            return
        given = ctx.params["config"]
        with only_warnings():
            tap = cls(config=given.config, parse_env_config=given.parse_env)
            click.echo(check_connection(Settings.from_config(tap.config), tap.logger))
        ctx.exit()
