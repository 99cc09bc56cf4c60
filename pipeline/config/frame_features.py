"""Features of frames: of windows, of optical flow, of single pictures."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.architectures import ARCHITECTURES, FETCHED
from pipeline.config.base import Overrides
from pipeline.config.feature_base import FeatureBase, Inputs
from pipeline.config.maps import LAST_MAPS, WINDOW_LAYERS
from pipeline.config.media import FrameMedia
from pipeline.names import Name, Place, check_text
from pipeline.section import Section


class FlowSettings(Section):
    """Optical flow between neighbouring frames."""

    method: Literal["tvl1", "tvl1_opencv", "dis", "farneback", "raft_small"] = Field(
        "tvl1",
        description="tvl1: TV-L1 as in the paper, in batches on the device; tvl1_opencv: the reference, on the CPU; "
        "dis, farneback (CPU) and raft_small (device): other methods",
    )
    weights: Place | None = Field(None, description="weights of raft_small (torchvision's or the original key names)")
    bound: float = Field(
        20.0, gt=0, le=10_000, description="flow is clipped to [-bound, bound] pixels and scaled to [-1, 1]"
    )


class FrameFeature(FeatureBase):
    """What every feature of frames has."""

    inputs: ClassVar[Inputs] = "frames"
    input_size: int | None = Field(
        None,
        ge=32,
        le=16384,
        description="resized to this square on the device; null: as decoded, for `image` what the network was made for",
    )
    crop: int | None = Field(None, ge=32, le=16384, description="centre crop after the resize, pixels")
    media: Annotated[dict[str, Any], Overrides(FrameMedia)] = Field(
        {}, description="overrides of the media section for this feature alone: fps, resize, size, scaler"
    )


class MappedFeature(FrameFeature):
    """What features have whose networks give maps, which may be stored as they are."""

    pool: Literal["global", "none"] = Field(
        "global",
        description="global: over rows and columns, as the network does before its classifier; none: the map itself is "
        "stored, rows x columns x channels a step (see the docs of features)",
    )
    layer: Annotated[str, Field(pattern=r"^\w+(\.\w+)*$", max_length=200), AfterValidator(check_text)] | None = Field(
        None, description="with `pool: none`, whose map; null: the last one, which the network itself pools"
    )
    grid: tuple[Annotated[int, Field(ge=1, le=1024)], Annotated[int, Field(ge=1, le=1024)]] | None = Field(
        None, description="with `pool: none`, [rows, columns] that the map is averaged down to; null: as it is"
    )

    @model_validator(mode="after")
    def _map_fits(self) -> Self:
        if self.pool == "global" and (lost := "layer" if self.layer else "grid" if self.grid else None):
            raise ValueError(f"{lost}: is of a map; give `pool: none` with it (`grid: [1, 1]` is the mean of a layer)")
        if self.pool == "none" and self.npy is not None:
            raise ValueError("pool: gathered features are taken as they are; take `pool` out")
        return self

    def map_shape(self) -> tuple[int, int, int] | None:
        """Rows, columns and channels of a step's map as it is stored, as far as they are known without the network.

        None where they are not, and of features that have none.
        """
        return None

    def _stored(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """What is stored of a map. `ValueError` where it has fewer cells than the grid."""
        rows, columns = self.grid or shape[:2]
        if rows > shape[0] or columns > shape[1]:
            raise ValueError(f"grid: {rows} x {columns}, and the map has {shape[0]} x {shape[1]} cells; give no more")
        return rows, columns, shape[2]


class I3DFeature(MappedFeature):
    """Inception-v1 I3D on frames (rgb) or flow; ResNet50 I3D on frames."""

    network: Literal["i3d_rgb", "i3d_flow", "i3d_r50"] = Field(description="the network and its input")
    weights: Place | Literal["kinetics", "random"] = Field(
        "kinetics",
        description=(
            "kinetics: the published Kinetics-400 weights (for flow: averaged over colours, labelled so); "
            "a file in the published format; random: seeded random weights, labelled so"
        ),
    )
    window: int = Field(16, ge=2, le=10_000, description="frames in a window")
    stride: int = Field(16, ge=1, le=1_000_000, description="frames between windows")
    batch: int | None = Field(None, ge=1, le=1_000_000, description="windows a batch; null: 8 on a CPU, 64 on a GPU")
    flow: FlowSettings = Field(FlowSettings(), description="for i3d_flow")

    @property
    def layer_name(self) -> str:
        """The layer that is stored."""
        return self.layer or list(WINDOW_LAYERS[self.network])[-1]

    @model_validator(mode="after")
    def _layer_fits(self) -> Self:
        layers = WINDOW_LAYERS[self.network]
        if self.layer_name not in layers:
            raise ValueError(f"layer: {self.layer!r} is none of {', '.join(layers)}")
        if self.pool == "none" and self.grid is None and self.crop is None and self.input_size is None:
            raise ValueError(
                "pool: maps of one feature are of one size, and frames as decoded need not be; give `grid`, or "
                "`input_size` (224, where media.resize is direct and media.size says no other)"
            )
        self.map_shape()
        return self

    def map_shape(self) -> tuple[int, int, int] | None:
        """See `MappedFeature.map_shape`."""
        if self.pool == "global":
            return None
        layer, pixels = WINDOW_LAYERS[self.network][self.layer_name], self.crop or self.input_size
        if pixels is None:
            assert self.grid is not None
            return (*self.grid, layer.depth(self.window))
        return self._stored(layer.shape(pixels, self.window))


class ImageFeature(MappedFeature):
    """A network of single pictures, trained on ImageNet: a vector a frame, before the classifier."""

    window: ClassVar[int] = 1
    stride: ClassVar[int] = 1
    network: Literal["image"] = Field(description="the kind of network")
    architecture: Name = Field(
        FETCHED, description=f"{FETCHED}, or a network of torchvision by its name there: inception_v3, resnet50 ..."
    )
    weights: Place | Literal["imagenet", "random"] = Field(
        "imagenet",
        description=f"imagenet: of {FETCHED}, fetched once; a file of torchvision's weights for the architecture; "
        "random: seeded random weights, labelled so",
    )
    batch: int | None = Field(None, ge=1, le=1_000_000, description="frames a batch; null: 8 on a CPU, 64 on a GPU")

    @model_validator(mode="after")
    def _architecture_fits(self) -> Self:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture: {self.architecture!r} is none of {', '.join(ARCHITECTURES)}")
        if self.weights == "imagenet" and self.architecture != FETCHED:
            raise ValueError(
                f"weights: imagenet is there of {FETCHED} alone; give torchvision's file of {self.architecture}, "
                "or `random`"
            )
        if self.layer is not None and self.architecture.startswith("swin"):
            raise ValueError(f"layer: those of {self.architecture} have channels last; take it out for the last map")
        self.map_shape()
        return self

    def map_shape(self) -> tuple[int, int, int] | None:
        """See `MappedFeature.map_shape`."""
        if self.pool == "global" or self.layer is not None or self.architecture not in LAST_MAPS:
            return None
        made_for, layer = LAST_MAPS[self.architecture]
        return self._stored(layer.shape(self.crop or self.input_size or made_for, 1))
