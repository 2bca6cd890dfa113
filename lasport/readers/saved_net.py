"""Reading a net that was saved whole: pickled layers, or a nolearn net around them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lasport.errors import UnreadableFileError, naming
from lasport.inert import Global, Instance
from lasport.readers.binding import BatchNormStatistic, bind_file
from lasport.readers.constructions import BUILTINS, construct
from lasport.readers.files import read_content
from lasport.readers.layer_graph import all_layers, find_layers, in_key_order, is_layer
from lasport.readers.network import build_network
from lasport.spec import Network

__all__ = ["load_network", "place_layers"]

PARAMETERS = "holds parameters; give the file of the net, and this one as its params (--params)"

# Attributes by which nolearn, and scikit-learn around it, lead to the layers.
LAYERS = "layers_"
OUTPUT = "_output_layer"
BEST = "best_estimator_"
NOLEARN = "nolearn.lasagne."
OF_NOLEARN = {"batch_iterator_train", "batch_iterator_test", "layers", "train_history_"}


def load_network(
    path: str | os.PathLike[str],
    outputs: Sequence[str] | None = None,
    *,
    params: str | os.PathLike[str] | None = None,
    params_key: str | None = None,
    bn_stat: BatchNormStatistic = "inv_std",
) -> Network:
    """Read a pickled layer, a collection of layers, or a nolearn net.

    Nothing that the pickle names is imported or called.

    Parameters
    ----------
    path : path-like
        A pickle of Python 2 or 3, protocol 0 to 5, or an archive of
        ``theano.misc.pkl_utils``; plain or compressed.
    outputs : sequence of str, optional
        Names of the layers that shall be the outputs.
    params : path-like, optional
        A file of parameters that the net shall have in place of its own.
    params_key : str, optional
        Where in the dict that this file holds the parameters are.
    bn_stat : {"inv_std", "var"}
        What that file holds for the ``inv_std`` of batch normalization.

    Returns
    -------
    Network

    Raises
    ------
    UnreadableFileError
        If a file is missing, truncated, of another kind, or holds no layers.
    RefusedFileError
        If it asks for what no saved network needs.
    InvalidNetworkError
        If layers and parameters contradict each other.
    """
    try:
        content = read_content(path)
    except UnreadableFileError as error:
        if Path(path).suffix == ".py":
            raise UnreadableFileError(
                f"{os.fspath(path)}: no saved net; of a script name the function that builds the "
                f"net: {os.fspath(path)}:FUNCTION"
            ) from error
        raise
    with naming(path):
        if content.format not in ("pickle", "pkl_utils archive"):
            raise UnreadableFileError(f"no pickled net but an {content.format}, which {PARAMETERS}")
        network = build_network(_layers(content.root), outputs, origin=Path(path))
    return network if params is None else bind_file(network, params, params_key, bn_stat)


def place_layers(path: str | os.PathLike[str], names: Sequence[str]) -> list[int]:
    """Return where layers of a saved net come among all that Lasagne finds in the file.

    Parameters
    ----------
    path : path-like
        As for :func:`load_network`.
    names : sequence of str
        What the layers are called in the network.

    Returns
    -------
    list of int
        Places in Lasagne's ``get_all_layers`` of what was saved, a dict in the
        order of its keys.
    """
    root = _layers(read_content(path).root)
    layers, _ = find_layers(root)
    whole = all_layers([entry for entry in in_key_order(root) if isinstance(entry, Instance)])
    places = {id(layer): place for place, layer in enumerate(whole)}
    return [places[id(layers[name])] for name in names]


def _layers(root: object) -> object:
    """Return the layers of a nolearn net, where the file holds one; otherwise the root itself."""
    nets = list(_nolearn_nets(root))
    if not nets:
        return root
    found = [layers for layers in map(_named_layers, nets) if layers]
    if len(found) != 1:
        count = f"{len(found)} trained" if found else "none that was ever trained"
        raise UnreadableFileError(
            f"of the {len(nets)} nolearn nets in the file there must be one with layers, there are "
            f"{count}; save the one that is meant alone"
        )
    return found[0]


def _nolearn_nets(root: object) -> Iterator[Instance]:
    """Yield the nolearn nets of a file: its object, one of a list, or the best of a search."""
    for entry in root if isinstance(root, (list, tuple)) else [root]:
        if isinstance(entry, Instance):
            best = entry.get(BEST, entry)
            if isinstance(best, Instance) and _is_nolearn(best):
                yield best


def _is_nolearn(net: Instance) -> bool:
    """Tell whether an object is a nolearn net, or one of a class that derives from it."""
    own = isinstance(net.state, dict) and net.state.keys() >= OF_NOLEARN
    return own or (net.path or "").startswith(NOLEARN)


def _named_layers(net: Instance) -> dict[object, object]:
    """Return the layers of a nolearn net by name; none before it was initialized."""
    layers = net.get(LAYERS, None)
    if isinstance(layers, Instance):  # nolearn's own class of dict, as Python 2 or 3 pickles it
        pairs = layers.args[0] if layers.args else layers.items
        plain = construct(Global("collections", "OrderedDict"), (pairs,), BUILTINS)
        layers = plain if isinstance(plain, dict) else {}
    return layers if isinstance(layers, dict) else _chain(net)


def _chain(net: Instance) -> dict[object, object]:
    """Return the layers of a net of nolearn 0.5, which kept the last one, by their names."""
    output = net.get(OUTPUT, None)
    if not isinstance(output, Instance) or not is_layer(output):
        return {}
    layers, definitions = all_layers([output]), net.get("layers", None)
    if isinstance(definitions, Instance):  # a class of list, within a search
        definitions = definitions.elements
    match definitions:
        case [*pairs] if len(pairs) == len(layers):
            names = [pair[0] for pair in pairs if isinstance(pair, (list, tuple)) and pair]
            if len(set(names)) == len(layers):
                return dict(zip(names, layers, strict=True))
    return {"output": output}
