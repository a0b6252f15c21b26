"""Readers: from the files that datasets come in to `Samples`, a chunk of rows at a time.

    for samples in READERS["coco-wholebody"].read(Path("coco_wholebody_train_v1.0.json"), params=Path("neural.json")):
        ...

A reader gives what the file says and nothing else: boxes as they are (perhaps enlarged), hand poses as they are
(perhaps offsets from the mean hand), every row that is listed (crowds, kids). What has to be changed is a label
transform with a name. What transforms need is in `Samples.extra`; absent there means that the file does not say. A
`Label` of it has a weight like any other; text is an object array of str, "" where unknown.

| entry | what it is |
|---|---|
| `annotation_id` | text: the file's own id |
| `annot_valid`, `valid_label`, `is_valid`, `iscrowd`, `num_keypoints` | (row,) flags under the names of the files |
| `left_hand_valid`, `right_hand_valid`, `face_valid`, `foot_valid` | (row,) clear enough to be labelled |
| `kid` | (row,) a child: AGORA's flag, or `betas_extra` of HumanData is not 0 |
| `occlusion`, `person_id`, `person` | (row,) AGORA; the how-manieth of its picture in a list of boxes |
| `box_scale`, `part_box_scale`, `box_score` | (row,) how many times the boxes were enlarged; the box's confidence |
| `keypoints2d_from`, `keypoints3d_from`, `params_from` | text: the key the labels were taken from |
| `flat_hand_mean` | (row,) 1: hand poses are absolute; 0: offsets from the mean hand |
| `gender` | text: `male`, `female`, `neutral` |
| `betas_neutral` | (row, 10) shape of the neutral body, where `betas` are of a gendered one |
| `betas_rest`, `expression_rest` | (row, n) components beyond the tenth |
| `smpl_body_pose`, `smpl_betas`, `smpl_transl`, `smpl_global_orient` | SMPL and SMPL-H: (row, 23, 3), ... |
| `smpl_transl_world`, `transl_world`, `mano_transl_world` | translations that are still of the world, with |
| `camera_rotation`, `camera_translation` | (row, 3, 3), (row, 3): x_camera = R x_world + t, metres |
| `mano_betas`, `mano_transl` | (row, 2, 10), (row, 2, 3) left and right hand |
| `hand_type` | text: `left`, `right`, `interacting` |
| `vertices` | text: path of a file with the true mesh |
| `vertices_rotation`, `vertices_translation` | (row, 3) axis-angle and metres from the mesh's frame to the camera |
| `nan` | text: which labels of the row were not finite, and so are absent |
"""

from __future__ import annotations

from mien.data.readers.agora import AGORA
from mien.data.readers.base import CHUNK, File, Reader, guarded
from mien.data.readers.coco import COCO_WHOLEBODY, CROWDPOSE, MPII, POSETRACK
from mien.data.readers.ehf import EHF
from mien.data.readers.hands import FREIHAND, INTERHAND
from mien.data.readers.humandata import HUMANDATA
from mien.data.readers.people import BOXES, OCHUMAN, PW3D, UBODY
from mien.data.readers.sniffing import sniff
from mien.data.readers.table import TABLE
from mien.data.readers.world import HUMAN36M, MPI_INF_3DHP

__all__ = ["CHUNK", "READERS", "File", "Reader", "sniff"]

READERS: dict[str, Reader] = {
    reader.name: guarded(reader)
    for reader in (
        HUMANDATA,
        COCO_WHOLEBODY,
        MPII,
        HUMAN36M,
        MPI_INF_3DHP,
        PW3D,
        UBODY,
        AGORA,
        EHF,
        CROWDPOSE,
        OCHUMAN,
        POSETRACK,
        INTERHAND,
        FREIHAND,
        BOXES,
        TABLE,
    )
}
