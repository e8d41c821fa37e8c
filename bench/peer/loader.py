"""Images a second of torchvision: CIFAR crop and flip through a DataLoader, or JPEGs decoded and cut to 224.

  loader.py cifar FOLDER WORKERS v1|v2      loader.py jpeg FOLDER pil|turbo
Prints one number. Runs where Python has torch, torchvision and Pillow; MCLD_PYTHON names it.
"""

import glob
import io
import sys
import time

import numpy
import torch
import torchvision
import torchvision.transforms as v1
from PIL import Image
from torchvision.transforms import v2

SECONDS = 4
BATCH = 64


class Cifar(torch.utils.data.Dataset):
    """The binary version in memory; v1 works on Pillow images, as torchvision's own data set gives them."""

    def __init__(self, folder, version):
        data = numpy.fromfile(f"{folder}/train.bin", dtype=numpy.uint8).reshape(-1, 3074)
        self.labels = data[:, 1].astype(numpy.int64)
        planes = data[:, 2:].reshape(-1, 3, 32, 32)
        if version == "v1":
            self.images = planes.transpose(0, 2, 3, 1).copy()
            steps = [v1.RandomCrop(32, padding=4), v1.RandomHorizontalFlip(), v1.PILToTensor()]
            transform = v1.Compose(steps)
            self.view = lambda i: transform(Image.fromarray(self.images[i]))
        else:
            self.images = torch.from_numpy(planes.copy())
            transform = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()])
            self.view = lambda i: transform(self.images[i])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.view(i), self.labels[i]


def cifar(folder, workers, version):
    data = Cifar(folder, version)
    options = {"persistent_workers": True, "prefetch_factor": 4} if workers else {}
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, num_workers=workers, **options)
    images = 0
    start = None
    while True:
        for pixels, _ in loader:
            # The first batches pay for starting the workers.
            if start is None:
                start = time.perf_counter()
            else:
                images += len(pixels)
            if time.perf_counter() - start > SECONDS:
                return images / (time.perf_counter() - start)


def jpeg(folder, decoder):
    files = [open(name, "rb").read() for name in sorted(glob.glob(f"{folder}/*.jpg"))]
    if decoder == "pil":
        steps = v1.Compose([v1.RandomResizedCrop(224), v1.RandomHorizontalFlip(), v1.PILToTensor()])

        def view(data):
            return steps(Image.open(io.BytesIO(data)).convert("RGB"))
    else:
        steps = v2.Compose([v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()])

        def view(data):
            return steps(torchvision.io.decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8)))

    for data in files[:20]:
        view(data)
    images = 0
    start = time.perf_counter()
    while True:
        for data in files:
            view(data)
            images += 1
            if time.perf_counter() - start > SECONDS:
                return images / (time.perf_counter() - start)


torch.set_num_threads(1)
what, folder, *rest = sys.argv[1:]
print(cifar(folder, int(rest[0]), rest[1]) if what == "cifar" else jpeg(folder, rest[0]))
