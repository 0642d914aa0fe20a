"""Generation nodes of our own, as far as Ax's storage is concerned."""

from __future__ import annotations

from typing import Any

from ax.generation_strategy.generation_node import GenerationNode
from ax.storage.json_store.decoder import object_from_json


class StoredNode(GenerationNode):
    """A `GenerationNode` that a subclass can extend and Ax still store and load.

    Arguments are those of Ax's `GenerationNode`.
    """

    @classmethod
    def deserialize_init_args(
        cls,
        args: dict[str, Any],
        decoder_registry: Any = None,
        class_decoder_registry: Any = None,
    ) -> dict[str, Any]:
        """Decode what `node_to_dict` encoded; see Ax's `SerializationMixin`."""
        registries = {
            "decoder_registry": decoder_registry,
            "class_decoder_registry": class_decoder_registry,
        }
        return {key: object_from_json(value, **registries) for key, value in args.items()}


def node_to_dict(node: StoredNode) -> dict[str, Any]:
    """A node as a dictionary of the arguments it is made of, for Ax's storage."""
    return {
        "__type": type(node).__name__,
        "name": node.name,
        "generator_specs": node.generator_specs,
        "transition_criteria": node.transition_criteria,
        "should_deduplicate": node.should_deduplicate,
        "previous_node_name": node._previous_node_name,
        "suggested_experiment_status": node.suggested_experiment_status,
    }
