"""Serve a SavedModel over HTTP, with TensorFlow alone: no lasport, no Keras.

Requests and answers are those of TensorFlow Serving's REST interface, and so is the layout of the
directory: one directory for each version, called by its number. The newest is served::

    python serve.py models/digits --port 8501
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tensorflow as tf


def load(directory: Path):
    """Return the signature for inference of the newest version."""
    versions = [int(path.name) for path in directory.iterdir() if path.name.isdigit()]
    loaded = tf.saved_model.load(str(directory / str(max(versions))))
    return loaded.signatures["serving_default"]


def predict(signature, instances):
    """Return the one output for the rows of the one input."""
    ((name, spec),) = signature.structured_input_signature[1].items()
    inputs = tf.constant(instances, spec.dtype)
    if not spec.shape.is_compatible_with(inputs.shape):
        raise ValueError(f"the instances are {inputs.shape}, and not {spec.shape}")
    (output,) = signature(**{name: inputs}).values()
    return output.numpy().tolist()


def make_server(directory: Path, port: int) -> ThreadingHTTPServer:
    signature = load(directory)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            if self.path != f"/v1/models/{directory.name}:predict":
                self.answer(404, {"error": f"there is nothing at {self.path}"})
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                answer = {"predictions": predict(signature, json.loads(body)["instances"])}
            except (KeyError, TypeError, ValueError) as error:
                self.answer(400, {"error": str(error)})
                return
            self.answer(200, answer)

        def answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Do not log each request."""

    return ThreadingHTTPServer(("localhost", port), Handler)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path, help="of a model, with a directory per version")
    parser.add_argument("--port", type=int, default=8501, help="0 for any that is free")
    options = parser.parse_args()
    with make_server(options.directory, options.port) as server:
        name, port = options.directory.name, server.server_address[1]
        print(f"http://localhost:{port}/v1/models/{name}:predict", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
