"""From the rotation of each joint against its parent to all rotations and positions in the world.

There is one result and there are three ways to it: for gradients and devices, for a CPU, and for a CPU whose kernels
are not loaded yet. The last two give the same bits.
"""

from __future__ import annotations

import sys
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["chain", "without_graph"]


def chain(
    parents: tuple[int, ...], rotations: Float[Tensor, "batch joint 3 3"], rest: Float[Tensor, "batch joint 3"]
) -> tuple[Float[Tensor, "batch joint 3 3"], Float[Tensor, "batch joint 3"]]:
    """World rotation and position of every joint.

    With gradients or on a device, every joint's transform is multiplied by that of the joint 1, 2, 4 and 8 above it:
    four products of all joints at once, however deep the tree. Elsewhere a kernel walks down the tree; until something
    else has loaded kernels (which takes as long as some thousand people) torch does, with the same sums to the bit.

    Args:
        parents: of each joint, -1 for the root, which is the first; parents come before their children.
        rotations: of each joint against its parent; of the root, in the frame of the result.
        rest: positions in the rest pose, metres.

    Returns:
        Rotations and positions (metres) in the frame that the root turns in; the root stays where it is at rest.
    """
    if rotations.dtype == rest.dtype and without_graph(rotations, rest):
        if "numba" not in sys.modules:
            return _walk(parents, rotations, rest)
        from mien.body import skinning

        return skinning.chain(parents, rotations, rest)
    above, inner, frame, jumps = _tree(parents, rotations.dtype, rotations.device)
    bones = rest - inner * rest[:, above]
    local = torch.cat([rotations, bones.unsqueeze(-1)], -1)
    world = torch.nn.functional.pad(local, (0, 0, 0, 1, 0, 1)) + frame
    for jump in jumps:
        product = torch.bmm(world[:, jump].flatten(0, 1), world.flatten(0, 1))
        world = product.view_as(world)
    found = world[:, :-1, :3]
    return found[..., :3], found[..., 3]


def without_graph(*tensors: Tensor) -> bool:
    """Whether numbers on the CPU are all that is wanted of tensors (of any shape): no gradients."""
    needs_graph = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return not needs_graph and all(tensor.device.type == "cpu" for tensor in tensors)


@torch.no_grad()
def _walk(
    parents: tuple[int, ...], rotations: Float[Tensor, "batch joint 3 3"], rest: Float[Tensor, "batch joint 3"]
) -> tuple[Float[Tensor, "batch joint 3 3"], Float[Tensor, "batch joint 3"]]:
    """The chain, from the root down, all joints of a generation at once; sums in the order of the kernel's."""
    world, position = rotations.clone(), rest.clone()
    for joints, above in _generations(parents):
        a, b, c = world[:, above].unsqueeze(-1).unbind(-2)
        x, y, z = rotations[:, joints].unsqueeze(-3).unbind(-2)
        product = a * x + b * y + c * z
        bone = (rest[:, joints] - rest[:, above]).unsqueeze(-1)
        moved = position[:, above].unsqueeze(-1) + a * bone[..., :1, :] + b * bone[..., 1:2, :] + c * bone[..., 2:, :]
        world[:, joints], position[:, joints] = product, moved.squeeze(-1)
    return world, position


@cache
@torch.inference_mode(False)
def _generations(parents: tuple[int, ...]) -> list[tuple[Int[Tensor, "of_them"], Int[Tensor, "of_them"]]]:
    """Joints by how far they are from the root, the root left out, each with its parent."""
    depth = [0] * len(parents)
    for joint in range(1, len(parents)):
        depth[joint] = depth[parents[joint]] + 1
    found = [[joint for joint, steps in enumerate(depth) if steps == step] for step in range(1, max(depth) + 1)]
    return [(torch.tensor(joints), torch.tensor([parents[joint] for joint in joints])) for joints in found]


@cache
@torch.inference_mode(False)  # what is made while predicting must serve while training, too
def _tree(
    parents: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Float[Tensor, "joint 1"], Float[Tensor, "joint_plus_one 4 4"], list[Int[Tensor, "joint_plus_one"]]]:
    """What the chain needs to know of the tree. One more joint, which stays where it is, stands above the root.

    Returns:
        Each joint's parent (0 for the root); 0 for the root, else 1; what turns padded 3x4 transforms into 4x4 ones;
        and for each product, the joint so far above each joint.
    """
    count = len(parents)
    frame = torch.zeros(count + 1, 4, 4, dtype=dtype, device=device)
    frame[:, 3, 3], frame[-1] = 1, torch.eye(4, dtype=dtype, device=device)
    up, jumps = [count if parent < 0 else parent for parent in (*parents, -1)], []
    inner = torch.tensor([[float(parent < count)] for parent in up[:-1]], dtype=dtype, device=device)
    while any(joint != count for joint in up):
        jumps.append(torch.tensor(up, device=device))
        up = [up[joint] for joint in up]
    return torch.tensor([max(0, parent) for parent in parents], device=device), inner, frame, jumps
