"""How much a night changes what linear layers say of ordinary text: in closed form, over all of it at once.

The change that a layer's ΔW makes to inputs x with second moments C = E[x xᵀ] is E|ΔW x|² = tr(ΔW C ΔWᵀ), which needs
no pass through the model (source: the covariance term of Meng et al. 2023, arXiv:2210.07229, as a penalty here).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from hippo_train.consolidation.lessons import Lesson
from hippo_train.consolidation.split import SplitModel

_ROWS_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Layer:
    """A linear layer that learns, and the one that it started from."""

    learning: Any
    base: Any

    def change(self, moment: Tensor) -> Tensor:
        """Return tr(ΔW C ΔWᵀ)."""
        if hasattr(self.learning, "lora_A"):
            down, up = self.learning.lora_A["default"].weight, self.learning.lora_B["default"].weight
            return ((down @ moment @ down.T) * (up.T @ up).T).sum() * self.learning.scaling["default"] ** 2
        change = self.learning.weight - self.base.weight
        return ((change @ moment) * change).sum()


def _layers(adapted: Any) -> Iterator[_Layer]:
    for module in adapted.modules():
        if "default" in getattr(module, "lora_A", {}):
            yield _Layer(learning=module, base=module.base_layer)
        elif hasattr(module, "original_module"):
            for name, layer in module.modules_to_save["default"].named_modules():
                if isinstance(layer, nn.Linear):
                    yield _Layer(learning=layer, base=module.original_module.get_submodule(name))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stillness:
    """What the layers that learn read and say in ordinary text."""

    moments: dict[_Layer, Tensor]
    """Layer to E[x xᵀ] / E|W x|², (inputs, inputs); those that read the same share it but for the scale."""

    @classmethod
    @torch.no_grad()
    def of(cls, adapted: Any, split: SplitModel, lessons: Sequence[Lesson]) -> Stillness:
        """Measure it while nothing is changed, or what is changed of the model as it is.

        Cost:
            A pass through the upper blocks; `inputs`² numbers a layer are kept.
        """
        layers = {each.learning: each for each in _layers(adapted)}
        read: dict[Any, Tensor] = {}
        said: dict[Any, Tensor] = {}

        def watch(layer: Any, inputs: tuple[Tensor, ...], _: Tensor) -> None:
            x = inputs[0].flatten(0, -2).float()
            out = layers[layer].base(inputs[0]).float()
            read[layer] = x.T @ x + read.get(layer, 0)
            said[layer] = out.square().sum() + said.get(layer, 0)

        hooks = [layer.register_forward_hook(watch) for layer in layers]
        try:
            ordered = sorted(lessons, key=lambda lesson: len(lesson.states))
            for _, alike in groupby(ordered, key=lambda lesson: len(lesson.states)):  # of one length: no padding
                rows = list(alike)
                for start in range(0, len(rows), _ROWS_AT_ONCE):
                    part = rows[start : start + _ROWS_AT_ONCE]
                    split.logits([lesson.states for lesson in part], [lesson.learnt[:1] for lesson in part])
        finally:
            for hook in hooks:
                hook.remove()
        return cls(moments={each: read[layer] / said[layer] for layer, each in layers.items() if layer in read})

    def change(self) -> Tensor:
        """Return E|ΔW x|² / E|W x|², summed over the layers; with a gradient."""
        total = torch.zeros(())
        for layer, moment in self.moments.items():
            change = layer.change(moment)
            total = total.to(change.device) + change
        return total
