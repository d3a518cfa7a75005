"""What the HELP subcommands answer."""

from services.common.resp import Simple


def help_reply(command: str, *lines: str) -> list[Simple]:
    """The lines about a command's subcommands, between a heading and HELP itself."""
    heading = f"{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    ending = ("HELP", "    Print this help.")
    return [Simple(line) for line in (heading, *lines, *ending)]
