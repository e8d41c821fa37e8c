"""What Pillow and torchvision make of images: takes a JSON list of jobs on standard input ({"file", "kind", ...}), writes their
uint8 [height, width, 3] pixels one after another to the file that the first argument names."""

import json
import sys

import numpy
import torch
import torchvision.transforms.functional as v1
from PIL import Image
from torchvision.transforms.v2 import functional as v2


def tensor(image):
    return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)


def pixels(job):
    image = Image.open(job["file"]).convert("RGB")
    kind = job["kind"]
    if kind == "decode":
        return image
    if kind == "box":
        x, y, width, height = job["box"]
        return v1.resized_crop(image, y, x, height, width, [job["size"]] * 2)
    if kind in ("box-float", "box-bytes"):
        x, y, width, height = job["box"]
        values = tensor(image).float() if kind == "box-float" else tensor(image)
        return v2.resized_crop(values, y, x, height, width, [job["size"]] * 2, antialias=True).round()
    if kind == "stretch":
        return image.resize([job["size"]] * 2, Image.BILINEAR)
    if kind == "frame":
        return v1.center_crop(v1.resize(image, job["resize"]), job["size"])
    if kind == "brightness":
        return v1.adjust_brightness(tensor(image), job["factor"])
    if kind == "contrast":
        return v1.adjust_contrast(tensor(image), job["factor"])
    if kind == "saturation":
        return v1.adjust_saturation(tensor(image), job["factor"])
    if kind == "hue":
        return v1.adjust_hue(tensor(image), job["factor"])
    if kind == "sharpness":
        return v1.adjust_sharpness(tensor(image), job["factor"])
    if kind == "posterize":
        return v1.posterize(tensor(image), int(job["factor"]))
    if kind == "solarize":
        return v1.solarize(tensor(image), job["factor"])
    if kind == "autocontrast":
        return v1.autocontrast(tensor(image))
    if kind == "equalize":
        return v1.equalize(tensor(image))
    raise ValueError(kind)


with open(sys.argv[1], "wb") as out:
    for job in json.load(sys.stdin):
        made = pixels(job)
        if isinstance(made, torch.Tensor):
            made = made.permute(1, 2, 0).numpy()
        out.write(numpy.ascontiguousarray(made, dtype=numpy.uint8).tobytes())
