"""How does a person or a script ask for something? The command line.

How to add a command
--------------------
1. Write `cli/<group>_commands.py` with `register(app)`, and add the module to `GROUPS` in
   `app.py`. One small function per command, declared with `@command(app, "name", "example", ...)`
   from `registration`; its docstring is the help text, the examples end it.
2. Import at the top of the module nothing but typer, the standard library, `dispersa.errors` and
   this package: `dispersa --help` must take less than 0.3 s. Import rooms inside the function.
   Choices are `Literal` types, turned into the room's enumeration inside;
   options are keyword-only (`*,` first).
3. Options that several commands share are in `options` (`ConfigOption`, `JsonOption`).
4. Results go to stdout through `output`: `print_json` (one document) or `print_table`; progress
   and remarks go to stderr through `say`. A live table only if stderr is a terminal.
5. Failures are exceptions from `dispersa.errors`; `main` turns them into one paragraph on stderr
   and the exit code that the class carries. Never print an error and never call `sys.exit`; an
   outcome that is not a failure but has an exit code (a reconciliation break) is `typer.Exit(6)`
   after the report was printed.
6. Every command has tests in `tests/cli` that run it as a subprocess.
"""

from dispersa.cli.app import main

__all__ = ["main"]
