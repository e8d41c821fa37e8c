"""Milliseconds of a distillation step in PyTorch with its teacher: `distil.py TEACHER STUDENT STEPS`."""

import sys
import time

import torch
import torch.nn.functional as F
import zoo

torch.set_num_threads(2)
BATCH, CLASSES, T = 64, 100, 4
teacher = zoo.make(sys.argv[1], CLASSES).eval().to(memory_format=torch.channels_last)
student = zoo.make(sys.argv[2], CLASSES).to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
x = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=torch.channels_last)
y = torch.arange(BATCH) % CLASSES
times = []
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    with torch.no_grad():
        zt = teacher(x)
    optimizer.zero_grad()
    zs = student(x)
    kl = F.kl_div(F.log_softmax(zs / T, 1), F.softmax(zt / T, 1), reduction="batchmean") * T * T
    (0.1 * F.cross_entropy(zs, y) + 0.9 * kl).backward()
    optimizer.step()
    times.append((time.perf_counter() - start) * 1e3)
times = sorted(times[3:])
print(times[len(times) // 2])
