"""Validates Kubernetes manifests strictly: validate-manifests.py KUBERNETES-VERSIONS CRD-FOLDER FILE...

Core kinds by the schemas that kubernetes-validate ships, others by the custom resource definitions of the folder. One JSON line for each object:
its file, kind, name, what is wrong with it, and itself as a full YAML reader sees it.
"""
import glob
import json
import sys

import jsonschema
import kubernetes_validate
import yaml


def strict(schema):
    """As the API server does with fieldValidation=Strict: a field that the schema does not have is an error."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def definitions(folder):
    schemas = {}
    for path in glob.glob(folder + "/*.yaml"):
        for definition in yaml.safe_load_all(open(path)):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                schemas[spec["group"] + "/" + version["name"], spec["names"]["kind"]] = schema
    return schemas


def check(document, versions, schemas):
    own = schemas.get((document["apiVersion"], document["kind"]))
    if own is not None:
        jsonschema.validate(document, own)
        return
    for version in versions:
        kubernetes_validate.validate(document, version, strict=True)


def main(versions, folder, *files):
    schemas = definitions(folder)
    for path in files:
        for document in yaml.safe_load_all(open(path)):
            wrong = ""
            try:
                check(document, versions.split(","), schemas)
            except Exception as error:  # whatever it is, the object was not found valid
                wrong = getattr(error, "message", str(error))
            print(json.dumps({"path": path, "kind": document["kind"], "name": document["metadata"]["name"], "wrong": wrong, "document": document}))


main(*sys.argv[1:])
