"""A stimulus is a value: parameters from which its frames follow. Every kind is one file of this folder, known by its `kind`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from jaxtyping import Float
from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny

from graphtwin.config import nearest_of, validate
from graphtwin.coordinates import frames_of
from graphtwin.insilico.stimuli.screen import Screen

if TYPE_CHECKING:
    from typing import Self

    import torch

NAMED = 4  # inputs that an error names
KINDS: dict[str, type[Stimulus]] = {}  # kinds of stimuli by name; each enters itself when its file is imported


class Stimulus(BaseModel, ABC):
    """What every kind of stimulus is: frozen parameters, and one function from these and a screen to frames in contrast.

    A subclass names itself by the default of its field `kind`, has a `duration_s`, says whether it `moves`, and draws many of itself at
    once in `draw`. Equal parameters give equal frames, whatever is drawn beside them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    needs_places: ClassVar[bool] = True  # whether it is drawn in degrees, so that pixels must be places on a screen

    if TYPE_CHECKING:
        kind: Any

        @property
        def duration_s(self) -> float: ...  # noqa: D102

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Enter the kind under its name."""
        if "kind" in cls.model_fields:
            KINDS[cls.model_fields["kind"].default] = cls

    @property
    @abstractmethod
    def moves(self) -> bool:
        """Whether frames differ, so that single pictures cannot show it."""

    @classmethod
    @abstractmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several stimuli of this kind that last equally long: 0 is grey, 1 white, -1 black.

        Args:
            stimuli: Stimuli that were checked against the screen.
            screen: Screen that they are drawn on.
            frames: Number of frames of each.
            device: Device on which they are drawn.
        """

    def check(self, screen: Screen) -> None:
        """Raise where this screen cannot show the stimulus, in words; kinds add what they ask beyond the frames.

        Args:
            screen: Screen that the stimulus is to be drawn on.
        """
        if self.needs_places and screen.inputs:
            named = ", ".join(screen.inputs[:NAMED])
            raise ValueError(
                f"{self.kind}: is drawn in degrees of visual angle, and here are {len(screen.inputs)} inputs without places ({named}"
                f"{', ...' if len(screen.inputs) > NAMED else ''}). Give pulses (kind `pulse`), numbers of a file (`natural_clip`) or "
                "`blank`, or say where in the visual field each input lies."
            )
        if self.moves and not screen.shows_movies:
            raise ValueError(f"{self.kind}: moves, and the screen shows single pictures. Give a stimulus that stands still.")
        if self.frames(screen) < 1:
            raise ValueError(
                f"{self.kind}: {self.duration_s:g} s are less than half a frame at {screen.frame_rate_hz:g} frames a second. "
                "Give a longer duration_s."
            )

    def frames(self, screen: Screen) -> int:
        """Number of frames that the stimulus lasts on a screen; 1 where that shows single pictures."""
        return frames_of(self.duration_s, screen.frame_rate_hz) if screen.shows_movies else 1

    def render(self, screen: Screen, device: str | torch.device = "cpu") -> Float[torch.Tensor, "frames height width"]:
        """Frames in contrast: 0 is grey, 1 white, -1 black.

        Args:
            screen: Screen that the stimulus is drawn on.
            device: Device on which it is drawn.
        """
        self.check(screen)
        return type(self).draw([self], screen, self.frames(screen), device)[0]


def stimulus_of(values: Mapping[str, Any], origin: str = "stimulus") -> Stimulus:
    """The stimulus that a table of parameters describes; a wrong parameter or an unknown kind is an error in words.

    Args:
        values: The kind under `kind`, and its parameters.
        origin: Name of the place that the values come from, for errors.
    """
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        said = f"kind {kind!r} is not known{nearest_of(str(kind), KINDS)}" if "kind" in values else "has no kind"
        raise ValueError(f"{origin}: {said}. Give one of {', '.join(sorted(KINDS))}.")
    return validate(KINDS[kind], dict(values), f"{origin} ({kind})")


def _parsed(value: Any) -> Any:
    return stimulus_of(value) if isinstance(value, Mapping) else value


Part = Annotated[SerializeAsAny[Stimulus], BeforeValidator(_parsed)]  # a stimulus of any kind, as a parameter of another


def require_on_screen(stimulus: Stimulus, screen: Screen, right_deg: float, up_deg: float) -> None:
    """Raise where a place lies beyond the screen.

    Args:
        stimulus: Stimulus that has the place.
        screen: Screen that it is to be drawn on.
        right_deg: Degrees to the right of the middle of the screen.
        up_deg: Degrees above the middle of the screen.
    """
    height, width = screen.extent_deg
    if abs(right_deg) > width / 2 or abs(up_deg) > height / 2:
        raise ValueError(
            f"{stimulus.kind}: its centre at ({right_deg:g}, {up_deg:g}) degrees is beyond the screen, which reaches {width / 2:.1f} "
            f"degrees right and left and {height / 2:.1f} up and down. Move x_deg and y_deg onto it."
        )
