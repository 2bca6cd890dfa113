"""The golden cases of embeddings: rows are those of ``families.py``, numbers are 0 and 1."""

from families import prefixed


def embedded(variable, source, **options):
    """Build input of whole numbers -> one EmbeddingLayer."""
    import theano.tensor as T
    from lasagne import layers

    numbers = layers.InputLayer(source, input_var=getattr(T, variable)("numbers"), name="input")
    return layers.EmbeddingLayer(numbers, name="layer", **options)


EMBEDDING = [
    (name, dict((key, options[key]) for key in options if key != "kind"), pins)
    for name, options, pins in prefixed(
        "embedding_",
        "EmbeddingLayer",
        [
            ("matrix", {"variable": "imatrix", "source": (None, 5)}, "sentences"),
            ("vector", {"variable": "lvector", "source": (None,)}, "one number per example"),
            ("images", {"variable": "itensor4", "source": (None, 2, 4, 5)}, "even of images"),
        ],
        input_size=2,
        output_size=3,
    )
]

# family, how it is built, its table, settings that its cases share
EMBEDDING_FAMILIES = [("embedding", embedded, EMBEDDING, {})]
