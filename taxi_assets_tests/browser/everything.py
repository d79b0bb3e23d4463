"""Questions to the UI's GraphQL that ask for every field there is, made out of its schema.

A list of the fields that may hold a secret would be ours, and right only for today's Dagster. So each
question takes whatever its type has, and whatever those types have, down to a depth, save the fields that
want arguments or that only lead round in a circle.
"""

from collections.abc import Iterator
from functools import cache

from dagster_graphql.schema import create_schema
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

_DEPTH = 4
"""Types on the way down: an event of a run is three below its question, a row of its metadata two more."""

_ROUND_ABOUT = frozenset(
    [
        "Asset",
        "AssetCheckExecution",
        "AssetNode",
        "AutomationConditionEvaluation",
        "ConfigType",
        "DagsterType",
        "DryRunInstigationTick",
        "InstigationState",
        "Job",
        "MaterializationEvent",
        "ObservationEvent",
        "PartitionBackfill",
        "PartitionSet",
        "Pipeline",
        "PipelineSnapshot",
        "Repository",
        "RepositoryLocation",
        "Run",
        "RunGroup",
        "Schedule",
        "Sensor",
        "Solid",
        "SolidDefinition",
        "SolidHandle",
        "StaleCause",
        "UsedSolid",
    ]
)
"""Types with a question of their own, which are not gone into from another's."""

_BROKEN = frozenset(
    {
        "AssetNode.dataVersionByPartition",
        "AssetNode.staleCausesByPartition",
        "AssetNode.staleStatusByPartition",
        "DaemonHealth.daemonStatus",
        "ErrorChainLink.message",
        "Instance.concurrencyLimit",
        "InstigationEventConnection.cursor",
        "PartitionBackfill.partitionsTargetedForAssetKey",
    }
)
"""Fields that Dagster 1.13 can't answer; where it promised a value, the whole answer is lost with it."""


@cache
def schema() -> GraphQLSchema:
    """The UI's."""
    made: GraphQLSchema = create_schema().graphql_schema
    return made


def question(field: str, arguments: str = "", *through: str) -> str:
    """A query for all that a field of the root has.

    Args:
        field: Of the query type.
        arguments: As GraphQL has them, without parentheses.
        through: Types to go into even though they have a question of their own.
    """
    root = schema().query_type
    assert root is not None
    asked = f"{field}({arguments})" if arguments else field
    return f"{{ {asked} {_selection(root.fields[field], (), frozenset(through))} }}"


def _selection(field: GraphQLField, path: tuple[str, ...], through: frozenset[str]) -> str:
    named = get_named_type(field.type)
    if is_leaf_type(named):
        return ""
    if named.name in _ROUND_ABOUT - through:
        return "{ __typename }"
    parts = [part for possible in _possible(named) for part in _part(possible, path, through)]
    return f"{{ __typename {' '.join(parts)} }}"


def _possible(named: GraphQLNamedType) -> list[GraphQLObjectType]:
    if isinstance(named, GraphQLObjectType):
        return [named]
    assert isinstance(named, (GraphQLInterfaceType, GraphQLUnionType))
    return list(schema().get_possible_types(named))


def _part(named: GraphQLObjectType, path: tuple[str, ...], through: frozenset[str]) -> Iterator[str]:
    seen = path.count(named.name) > (named.name == "PythonError")  # an error's causes are errors
    if seen or named.name in _ROUND_ABOUT - through:
        return
    fields = list(_fields(named, (*path, named.name), through))
    if fields:
        yield f"... on {named.name} {{ {' '.join(fields)} }}"


def _fields(named: GraphQLObjectType, path: tuple[str, ...], through: frozenset[str]) -> Iterator[str]:
    for name, field in named.fields.items():
        if f"{named.name}.{name}" in _BROKEN or (named.name.endswith("Event") and name == "pipelineName"):
            continue
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        leaf = is_leaf_type(get_named_type(field.type))
        if leaf or len(path) <= _DEPTH:
            # Fields of one name and different types meet in a union: each has its type in its name.
            yield f"{named.name}_{name}: {name} {_selection(field, path, through)}"
