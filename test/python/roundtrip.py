"""Python's half of `npm run roundtrip`: `python roundtrip.py FOLDER`; plan.json there says what to do."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import safetensors.torch
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "peer"))
import zoo  # noqa: E402


def main(folder):
    folder = Path(folder)
    plan = json.loads((folder / "plan.json").read_text())
    mean, std = np.array(plan["mean"], np.float32), np.array(plan["std"], np.float32)
    answers = {}
    for name in plan["models"]:
        pixels = np.fromfile(folder / f"{name}.pixels", np.uint8)
        size = int((len(pixels) / plan["rows"] / 3) ** 0.5)
        pixels = pixels.reshape(plan["rows"], size, size, 3)
        x = torch.tensor(((pixels.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2).copy())
        with torch.no_grad():
            model = zoo.make(name, plan["classes"])
            given = safetensors.torch.load_file(folder / f"{name}.safetensors")
            counters = {n: t for n, t in model.state_dict().items() if n.endswith("num_batches_tracked")}
            model.load_state_dict({**given, **counters}, strict=True)
            theirs = model.eval()(x)
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        (logits,) = session.run(["logits"], {"image": pixels})

        torch.manual_seed(1)
        own = zoo.make(name, plan["classes"])
        with torch.no_grad():
            for key, tensor in own.state_dict().items():
                if key.endswith("running_var"):
                    tensor.uniform_(0.5, 1.5)
                elif key.endswith("running_mean"):
                    tensor.uniform_(-0.2, 0.2)
            own_logits = own.eval()(x)
        parallel = {f"module.{n}": t for n, t in own.state_dict().items()}
        torch.save({"epoch": 1, "model": parallel, "best": 0.5}, folder / f"{name}.pth")
        if name in plan["exported"]:
            averaged = torch.optim.swa_utils.AveragedModel(own).state_dict()
            raw = {f"_orig_mod.{n}": torch.zeros_like(t) for n, t in own.state_dict().items()}
            old = {"_use_new_zipfile_serialization": False}
            torch.save({"model": raw, "averaged": averaged, "numbers": {1, 2}}, folder / f"{name}.old.pth", **old)
            batch = {"x": {0: torch.export.Dim("N")}}
            file = folder / f"{name}.torch.onnx"
            names = {"input_names": ["x"], "output_names": ["logits"]}
            torch.onnx.export(own, (x,), file, dynamo=True, dynamic_shapes=batch, external_data=False, verbose=False, **names)
        answers[name] = {
            "fromSafetensors": theirs.flatten().tolist(),
            "fromOnnx": logits.flatten().tolist(),
            "ownLogits": own_logits.flatten().tolist(),
        }
    (folder / "answers.json").write_text(json.dumps(answers))


main(sys.argv[1])
