"""What Ax's storage has to know of our classes, and snapshots that are never half written."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from ax.api.client import Client
from ax.storage.botorch_modular_registry import register_acquisition, register_model
from ax.storage.json_store.encoders import surrogate_to_dict
from ax.storage.json_store.registry import CORE_DECODER_REGISTRY, CORE_ENCODER_REGISTRY

from botorch_cll.ax.acquisition import SwarmAcquisition
from botorch_cll.ax.models import MODEL_CLASSES
from botorch_cll.ax.per_task import PerTaskNode
from botorch_cll.ax.surrogate import JointSurrogate
from botorch_cll.ax.surrogate_node import SurrogateNode
from botorch_cll.ax.target_task import TargetTaskNode
from botorch_cll.files import write_atomically


def register() -> None:
    """Tell Ax's JSON and SQL storage of our classes."""
    for model_class in MODEL_CLASSES.values():
        register_model(model_class)
    register_acquisition(SwarmAcquisition)
    for stored in (JointSurrogate, PerTaskNode, SurrogateNode, TargetTaskNode):
        encode = surrogate_to_dict if stored is JointSurrogate else _node_to_dict
        CORE_ENCODER_REGISTRY[stored] = encode
        CORE_DECODER_REGISTRY[stored.__name__] = stored


def _node_to_dict(node: SurrogateNode) -> dict[str, Any]:
    """A node as the arguments it is made of, under the name of its class."""
    return {
        "__type": type(node).__name__,
        "name": node.name,
        "generator_specs": node.generator_specs,
        "transition_criteria": node.transition_criteria,
        "should_deduplicate": node.should_deduplicate,
        "previous_node_name": node._previous_node_name,
        "suggested_experiment_status": node.suggested_experiment_status,
    }


def save_client(client: Client, path: str | PathLike[str]) -> None:
    """Write what `Client.load_from_json_file` reads, in full or not at all.

    `Client.save_to_json_file` empties the file before it writes, so a process that dies meanwhile
    takes the snapshot before with it.

    Args:
        client: The client.
        path: The file; its folder has to exist.

    Raises:
        FileNotFoundError: If the folder does not exist.

    Example:
        >>> client.complete_trial(trial_index=index, raw_data={"loss": 0.3})
        >>> save_client(client, "snapshot.json")
        >>> client = Client.load_from_json_file("snapshot.json")
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Expected a folder for {path.name}, found none at {path.parent}.")
    write_atomically(path, json.dumps(client._to_json_snapshot()))
