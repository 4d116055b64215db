"""The official checker of ONNX. `check FILE...`: one line of JSON a file, {"error": null or its text}. `cases FOLDER`: writes the models of the official node tests there."""
import json
import pathlib
import sys
import warnings

import onnx.checker

warnings.filterwarnings("ignore")
command, *args = sys.argv[1:]
if command == "check":
    for path in args:
        try:
            onnx.checker.check_model(onnx.load(path), full_check=True)
            error = None
        except Exception as reason:  # whatever it is, the test shall show it
            error = str(reason)
        print(json.dumps({"error": error}), flush=True)
else:
    from onnx.backend.test.case.node import collect_testcases

    for case in collect_testcases(None):
        if case.model is not None:
            (pathlib.Path(args[0]) / f"{case.name}.onnx").write_bytes(case.model.SerializeToString())
