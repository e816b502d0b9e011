"""How much LoRA layers change what their linear layers say of ordinary text: in closed form, over all of it at once.

The change that a layer's ΔW makes to inputs x with second moments C = E[x xᵀ] is E|ΔW x|² = tr(ΔW C ΔWᵀ), which needs
no pass through the model (source: the covariance term of Meng et al. 2023, arXiv:2210.07229, as a penalty here).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from hippo_train.consolidation.lessons import Lesson
from hippo_train.consolidation.split import SplitModel

_ROWS_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stillness:
    """What the LoRA layers of a model read and say in ordinary text."""

    moments: dict[Any, Tensor]
    """LoRA layer to E[x xᵀ] / E|W x|², (inputs, inputs); layers that read the same share it but for the scale."""

    @classmethod
    @torch.no_grad()
    def of(cls, adapted: Any, split: SplitModel, lessons: Sequence[Lesson]) -> Stillness:
        """Measure it while the LoRA layers change nothing, or what they change of the model as it is.

        Cost:
            A pass through the upper blocks; `inputs`² numbers a layer are kept.
        """
        layers = [layer for layer in adapted.modules() if "default" in getattr(layer, "lora_A", {})]
        read: dict[Any, Tensor] = {}
        said: dict[Any, Tensor] = {}

        def watch(layer: Any, inputs: tuple[Tensor, ...], _: Tensor) -> None:
            x = inputs[0].flatten(0, -2).float()
            out = layer.base_layer(inputs[0]).float()
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
        return cls(moments={layer: read[layer] / said[layer] for layer in layers if layer in read})

    def change(self) -> Tensor:
        """Return E|ΔW x|² / E|W x|², summed over the layers; with a gradient."""
        total = torch.zeros(())
        for layer, moment in self.moments.items():
            down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            change = ((down @ moment @ down.T) * (up.T @ up).T).sum() * layer.scaling["default"] ** 2
            total = total.to(change.device) + change
        return total
