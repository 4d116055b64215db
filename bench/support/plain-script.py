"""What a user would write to run YOLOX over a video: OpenCV reads, resizes and pads, onnxruntime runs, NumPy decodes and suppresses. One JSON argument; prints one line of JSON."""
import json
import resource
import sys
import time

order = json.loads(sys.argv[1])
if order["threads"]:
    import os

    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"threads;{order['threads']}"

import cv2
import numpy as np
import onnxruntime as ort

SIDE, STRIDES, SCORE_MIN, IOU_MAX = 416, (8, 16, 32), 0.35, 0.5

options = ort.SessionOptions()
options.log_severity_level = 3
if order["threads"]:
    cv2.setNumThreads(order["threads"])
    options.intra_op_num_threads = order["threads"]
    options.inter_op_num_threads = order["threads"]
session = ort.InferenceSession(order["model"], options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name

cells, sizes = [], []
for stride in STRIDES:
    n = SIDE // stride
    ys, xs = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    cells.append(np.stack([xs.ravel(), ys.ravel()], 1))
    sizes.append(np.full((n * n, 1), stride))
cells, sizes = np.concatenate(cells).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def letterbox(picture):
    ratio = min(SIDE / picture.shape[0], SIDE / picture.shape[1])
    resized = cv2.resize(picture, (int(picture.shape[1] * ratio), int(picture.shape[0] * ratio)), interpolation=cv2.INTER_LINEAR)
    padded = np.full((SIDE, SIDE, 3), 114, np.uint8)
    padded[: resized.shape[0], : resized.shape[1]] = resized
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], dtype=np.float32), ratio


def nms(boxes, scores):
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    order, kept = scores.argsort()[::-1], []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        w = np.maximum(0, np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest]))
        h = np.maximum(0, np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest]))
        order = rest[w * h / (areas[best] + areas[rest] - w * h) <= IOU_MAX]
    return kept


def detect(picture):
    tensor, ratio = letterbox(picture)
    rows = session.run(None, {input_name: tensor})[0][0]
    scores = rows[:, 4:5] * rows[:, 5:]
    classes = scores.argmax(1)
    best = scores[np.arange(len(classes)), classes]
    mask = best >= SCORE_MIN
    rows, best, classes = rows[mask], best[mask], classes[mask]
    centres, halves = (rows[:, :2] + cells[mask]) * sizes[mask], np.exp(rows[:, 2:4]) * sizes[mask] / 2
    boxes = np.concatenate([centres - halves, centres + halves], 1) / ratio
    found = []
    for each in np.unique(classes):
        of = np.flatnonzero(classes == each)
        found += [(int(each), float(best[of[i]]), *boxes[of[i]].tolist()) for i in nms(boxes[of], best[of])]
    return found


def moment():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter() * 1000, (usage.ru_utime + usage.ru_stime) * 1000


frames = boxes = 0
for path in order["files"]:
    capture = cv2.VideoCapture(path)
    while True:
        there, picture = capture.read()
        if not there:
            break
        boxes += len(detect(picture))
        frames += 1
        if frames == order["warmUpFrames"]:
            start = moment()
    capture.release()
end = moment()
if frames != order["frames"]:
    raise SystemExit(f"{frames} frames instead of {order['frames']}")
print(json.dumps({"frames": frames - order["warmUpFrames"], "wallMs": end[0] - start[0], "cpuMs": end[1] - start[1], "boxes": boxes, "versions": f"Python {sys.version.split()[0]}, OpenCV {cv2.__version__}, onnxruntime {ort.__version__}, NumPy {np.__version__}"}))
