from __future__ import annotations

from pathlib import Path

import pytest

from pyctr_lab import BadInput
from pyctr_lab.images.images import Images


def test_each_layer_knows_who_holds_it(images: Images, tmp_path: Path) -> None:
    for name in "cd":
        (tmp_path / name).write_text(name * 5000)
        images.build(f"FROM busybox\nCOPY {name} /{name}\n", name=f"web:{name}", context=tmp_path)
    c, d = images.layers("web:c", "web:d")
    assert [layer.holders for layer in c.layers] == [("busybox:latest", "web:c", "web:d"), ("web:c",)]
    assert c.layers[0] == d.layers[0] and c.layers[1].made_by == "COPY c /c"
    image = images.store.image("web:c")
    assert [layer.chain_id for layer in c.layers] == [*image.chain_ids] and c.layers[1].unpacked == 0
    assert sum(layer.size for layer in c.layers) + c.documents == image.size
    assert [each.name for each in images.layers()] == ["busybox:latest", "web:c", "web:d"]
    images.rm("web:c")
    removed = images.prune().bytes
    assert removed == c.layers[1].size + c.documents, "what the picture says is freed, and the documents"
    assert images.layers("busybox")[0].layers[0].holders == ("busybox:latest", "web:d")
    with pytest.raises(BadInput, match="there is no image 'web:c'"):
        images.layers("web:c")
