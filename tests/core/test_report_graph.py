from __future__ import annotations

import pytest

from components.core import report_graph as kit


def test_graph_layers_follow_the_edges_and_boxes_do_not_overlap() -> None:
    names = "abcdefg"
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d"), ("d", "e"), ("a", "f"), ("a", "e")]
    drawing = kit.draw(kit.Graph([kit.GraphNode(n, n, ["x"]) for n in names], edges))
    boxes = {box.node.name: box for box in drawing.boxes}
    assert set(boxes) == set(names)
    for parent, child in edges:
        assert boxes[parent].y + boxes[parent].height < boxes[child].y
    placed = list(boxes.values())
    for number, one in enumerate(placed):
        assert one.x >= 0
        assert one.x + one.width <= drawing.width
        assert one.y + one.height <= drawing.height
        for two in placed[number + 1 :]:
            assert one.y != two.y or one.x + one.width <= two.x or two.x + two.width <= one.x
    assert len(drawing.paths) == len(edges)


def test_a_graph_with_a_cycle_is_refused() -> None:
    nodes = [kit.GraphNode("a", "a"), kit.GraphNode("b", "b")]
    with pytest.raises(ValueError, match="cycle"):
        kit.draw(kit.Graph(nodes, [("a", "b"), ("b", "a")]))
