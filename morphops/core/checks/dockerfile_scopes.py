"""What is known at each instruction of a Dockerfile: the ARGs' values, and the stages above. Pure.

An ARG before the first FROM is known to each FROM; another one is known in its own stage
(Dockerfile reference, "Scope").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from morphops.core.checks import dockerfile
from morphops.core.checks.dockerfile import Instruction


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction where it stands.

    Attributes:
        instruction: as it is written.
        values: of the ARGs above it.
        contexts: the stages above it and the build's named contexts: what needs no digest.
    """

    instruction: Instruction
    values: Mapping[str, str]
    contexts: frozenset[str]

    @property
    def name(self) -> str:
        """The instruction's name, in capitals."""
        return self.instruction.name

    def resolved(self, text: str) -> str:
        """Returns a text with the variables replaced that are known here."""
        return dockerfile.resolved(text, self.values)

    def has_context(self, reference: str) -> bool:
        """Returns whether a reference names a stage or a context; stages ignore the case."""
        return not self.contexts.isdisjoint((reference, reference.lower()))


def scoped(
    instructions: Iterable[Instruction], args: Mapping[str, str], contexts: Collection[str]
) -> Iterator[Step]:
    """Yields each instruction with what is known at it.

    Args:
        instructions: of a Dockerfile.
        args: build arguments that the build is given; else a default counts.
        contexts: the build's named contexts.
    """
    everywhere: dict[str, str] = {}
    here = everywhere
    known = frozenset(contexts)
    for instruction in instructions:
        if instruction.name == "FROM":
            here = {}
        values = everywhere | here
        yield Step(instruction, values, known)
        if instruction.name == "FROM":
            known |= frozenset(filter(None, dockerfile.stages([instruction])))
        elif instruction.name == "ARG":
            here |= _arg_values(instruction, args, values)


def built_stage(steps: tuple[Step, ...], target: str) -> tuple[Step, ...]:
    """Returns the steps of the stage that a build ends with; the last one without a target.

    Args:
        steps: of the whole Dockerfile.
        target: the stage's name in any case; one that does not exist counts as none.
    """
    starts = [number for number, step in enumerate(steps) if step.name == "FROM"]
    if not starts:
        return ()
    names = dockerfile.stages(step.instruction for step in steps)
    name = target.lower()
    built = names.index(name) if name and name in names else len(names) - 1
    return steps[starts[built] : [*starts[1:], len(steps)][built]]


def _arg_values(
    arg: Instruction, given: Mapping[str, str], known: Mapping[str, str]
) -> dict[str, str]:
    """The values of an ARG's variables: what the build is given, else their default."""
    own = {n: dockerfile.resolved(v, known) for n, v in dockerfile.defaults(arg).items()}
    names = [word.partition("=")[0] for word in arg.words]
    from_above = {name: known[name] for name in names if name in known}
    return from_above | own | {name: given[name] for name in names if name in given}
