"""Stores photographs in every format and way that the fixtures of packages/datasets have, with what Pillow makes of
each: `python formats.py FOLDER PHOTOGRAPH...` writes into FOLDER the files, beside each its pixels (.rgb), and
index.json."""

import json
import pathlib
import sys
import warnings

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "packages/datasets/fixtures"))
from make import encoded, reference  # noqa: E402

# Of damaged EXIF and of palettes with alpha, which are meant.
warnings.simplefilter("ignore")
folder = pathlib.Path(sys.argv[1])
sizes = [(64, 64), (61, 47), (150, 113), (33, 128)]
index = []
for n, photograph in enumerate(sys.argv[2:]):
    image = Image.open(photograph).convert("RGB").resize(sizes[n % len(sizes)])
    for name, data in encoded(image):
        file = f"{n}-{name}"
        (folder / file).write_bytes(data)
        made = reference(data)
        (folder / f"{file}.rgb").write_bytes(made.tobytes())
        index.append({"file": file, "width": made.width, "height": made.height})
(folder / "index.json").write_text(json.dumps(index))
