"""The closed form of any graph of known operations, by a rule with bounds for each; every module here is loaded."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from jaccheck.oracle.graph.backward import backward_of_graph
from jaccheck.oracle.graph.forward import GraphForward, forward_of_graph
from jaccheck.oracle.graph.graph import ZERO, Graph, Leaf, Node
from jaccheck.oracle.graph.rule import GRAPH_RULES

for module in iter_modules([str(Path(__file__).parent)]):
    import_module(f"jaccheck.oracle.graph.{module.name}")

__all__ = ["GRAPH_RULES", "ZERO", "Graph", "GraphForward", "Leaf", "Node", "backward_of_graph", "forward_of_graph"]
