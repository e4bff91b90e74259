"""Validates JSON instances: the schema on the first line of a file, an instance on each further one.

validate.py FILE: prints a line for each instance, empty where it is valid.
"""
import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.loads(file.readline())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for line in file:
        errors = validator.iter_errors(json.loads(line))
        print("; ".join(f"{error.json_path}: {error.message}" for error in errors).replace("\n", " "))
