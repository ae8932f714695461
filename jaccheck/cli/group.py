"""`jaccheck`, the command that the others belong to."""

from __future__ import annotations

import click

from jaccheck.core import unknown


class Interrupted(Exception):
    """A command was ended by Ctrl-C; of a KeyboardInterrupt click says something of its own."""


class Group(click.Group):
    """A group that says which of its commands comes closest to one that it does not have."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise unknown("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="jaccheck")
def cli() -> None:
    """Verify batched Jacobians: random networks, every method, every device, proven bounds, no tolerances.

    \b
    jaccheck verify               random networks, every method here, against autograd and a closed form
    jaccheck verify --time 600    the same for ten minutes
    jaccheck check FILE.py:MAKE   a model of your own: which methods are right on it, and which one to use
    jaccheck show FILE.py:MAKE    its Jacobians as a picture, by one method or two and their difference
    jaccheck bench                the methods that are right, timed side by side, beside the floor
    jaccheck gate OLD NEW         two versions of BackPACK or torch on the same cases: did anything change?
    jaccheck sequences            random sequences of calls on live models: nothing wrong, left over or leaked
    jaccheck matrix               what works with which layer: every method, layer and option, measured
    jaccheck known                known issues of BackPACK and torch, with scripts and bug reports
    jaccheck replay FILE          a stored finding: is it still there?

    Exit code of every command: 0 nothing found, 1 something found, 2 misuse or a broken environment,
    3 an error in jaccheck itself.
    """
